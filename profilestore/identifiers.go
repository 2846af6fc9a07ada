package profilestore

import (
	"encoding/json"
	"strings"
)

// LoginIdentifier is what a person may type at a database or passwordless connection to say who they are. It is unique
// in its connection among identifiers of its kind.
type LoginIdentifier struct {
	Connection string
	Kind       string // "email", "username" or "phone"
	Value      string // lower case, phone numbers as they are
}

// SubjectString is the subject's exact text, whether the provider gave a string or a number.
func (i Identity) SubjectString() string {
	switch id := i.UserID.(type) {
	case string:
		return id
	case json.Number:
		return id.String()
	default:
		return ""
	}
}

// LoginIdentifiers returns what the user's database and passwordless identities may be addressed by, each once: the
// primary identity by the root attributes, a secondary one by its own profile.
func (u *User) LoginIdentifiers() []LoginIdentifier {
	var out []LoginIdentifier
	seen := map[LoginIdentifier]bool{}
	for i, identity := range u.Identities {
		if identity.Provider != "auth0" && identity.Provider != "email" && identity.Provider != "sms" {
			continue
		}
		profile := identity.ProfileData
		if i == 0 {
			profile = u.Root
		}
		email, _ := profile["email"].(string)
		username, _ := profile["username"].(string)
		phone, _ := profile["phone_number"].(string)
		for _, id := range []LoginIdentifier{
			{identity.Connection, "email", strings.ToLower(email)},
			{identity.Connection, "username", strings.ToLower(username)},
			{identity.Connection, "phone", phone},
		} {
			if id.Value != "" && !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}
