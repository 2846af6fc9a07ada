package normalize

import (
	"crypto/md5"
	"encoding/hex"
	"net/url"
	"strings"
)

// DefaultAvatarBase is where Auth0 keeps the pictures with initials.
const DefaultAvatarBase = "https://cdn.auth0.com/avatars"

// Hints are what Generate needs beside the root attributes.
type Hints struct {
	// Handle is the account's own name at the provider ([Profile].Handle).
	Handle string
	// Subject is the last resort for a name.
	Subject string
	// Database: the profile is kept in our own database connection, where the name is the e-mail address even if the
	// parts of a name are known.
	Database bool
	// AvatarBase is the address of the folder with the pictures "<initials>.png". Empty: DefaultAvatarBase.
	AvatarBase string
}

// Generate returns values for those of name, nickname and picture that root lacks, since every profile has them (Auth0:
// Normalized User Profile Schema).
func Generate(root map[string]any, h Hints) map[string]string {
	made := make(map[string]string, 3)
	name, ok := text(root["name"])
	if !ok {
		name = generateName(root, h)
		made["name"] = name
	}
	if _, ok := text(root["nickname"]); !ok {
		made["nickname"] = generateNickname(root, name, h)
	}
	if _, ok := text(root["picture"]); !ok {
		made["picture"] = generatePicture(root, name, h.AvatarBase)
	}
	return made
}

func generateName(root map[string]any, h Hints) string {
	full := ""
	if !h.Database {
		full = fullName(root)
	}
	return firstText(full, h.Handle, root["email"], root["phone_number"], root["username"], root["nickname"],
		fullName(root), h.Subject)
}

// fullName joins the known parts of a name.
func fullName(root map[string]any) string {
	given, hasGiven := text(root["given_name"])
	family, hasFamily := text(root["family_name"])
	switch {
	case hasGiven && hasFamily:
		return given + " " + family
	case hasGiven:
		return given
	case hasFamily:
		return family
	}
	return ""
}

func generateNickname(root map[string]any, name string, h Hints) string {
	local := ""
	if email, ok := text(root["email"]); ok {
		local = email
		if at := strings.LastIndexByte(email, '@'); at > 0 {
			local = email[:at]
		}
	}
	return firstText(h.Handle, local, root["username"], name)
}

func firstText(candidates ...any) string {
	for _, c := range candidates {
		if s, ok := text(c); ok {
			return s
		}
	}
	return ""
}

// generatePicture returns the Gravatar of the e-mail address, which falls back to a picture with the initials; without
// an address that picture itself. MD5 is Gravatar's key, not a protection.
func generatePicture(root map[string]any, name, base string) string {
	if base == "" {
		base = DefaultAvatarBase
	}
	avatar := strings.TrimSuffix(base, "/") + "/" + url.PathEscape(initials(name)) + ".png"
	email, ok := text(root["email"])
	if !ok {
		return avatar
	}
	sum := md5.Sum([]byte(strings.ToLower(strings.TrimSpace(email))))
	return "https://s.gravatar.com/avatar/" + hex.EncodeToString(sum[:]) + "?s=480&r=pg&d=" + url.QueryEscape(avatar)
}

// initials returns the first letters of the first and the last word, or the first two characters of a single word, in
// lower case.
func initials(name string) string {
	words := strings.Fields(strings.ToLower(name))
	if len(words) == 0 {
		return ""
	}
	first := []rune(words[0])
	if len(words) > 1 {
		last := []rune(words[len(words)-1])
		return string(first[:1]) + string(last[:1])
	}
	return string(first[:min(2, len(first))])
}
