package normalize

import (
	"strings"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

// databaseSources reads a person of our own database connections: "user" is a stored person who logged in, "signup" what
// a person gave at sign-up, "post_users" what an administrator gave with a new user. Whoever makes them puts the new
// person's subject into _id, after taking out what came from outside under that name.
func databaseSources(in Input) []source {
	for _, kind := range [...]struct {
		name    string
		writer  Writer
		subject []string
	}{
		{"user", ByManagement, []string{"user_id", "_id"}},
		{"signup", BySignUp, []string{"_id"}},
		{"post_users", ByManagement, []string{"_id", "user_id"}},
	} {
		if given, ok := object(in.Extra[kind.name]); ok {
			return []source{{
				name: "extra." + kind.name, claims: databaseClaims(given, kind.writer, kind.subject),
				subject: kind.subject,
			}}
		}
	}
	return nil
}

// passwordlessSources reads a person who sent back a one-time code: "passwordless" holds the address or the number that
// it went to, and the person's subject in _id.
func passwordlessSources(in Input) []source {
	given, ok := object(in.Extra["passwordless"])
	if !ok {
		return nil
	}
	subject := []string{"_id"}
	return []source{{name: "extra.passwordless", claims: databaseClaims(given, BySignUp, subject), subject: subject}}
}

// codeReceived marks the address as verified: the code proves it.
func codeReceived(d *draft, _ Input) {
	for address, flag := range map[string]string{"email": "email_verified", "phone_number": "phone_verified"} {
		if c, there := d.claims[address]; there {
			c.from = own
			d.claims[address] = c
			d.claims[flag] = claim{value: true, field: c.field, from: own}
		}
	}
}

// databaseClaims keeps what the writer may write, addresses and usernames in lower case, and the subject.
func databaseClaims(given map[string]any, w Writer, subject []string) map[string]any {
	kept := make(map[string]any, len(given))
	for key, v := range given {
		if a, ok := Lookup(key); !ok || !a.WrittenBy(w) {
			continue
		}
		if s, ok := v.(string); ok && (key == "email" || key == "username") {
			v = strings.ToLower(strings.TrimSpace(s))
		}
		kept[key] = v
	}
	for _, key := range subject {
		if v, ok := given[key]; ok {
			kept[key] = v
		}
	}
	return kept
}

// takeMetadata takes the metadata of a new person of our own database. Only here may an input bring any.
func takeMetadata(d *draft, in Input) {
	if given, ok := in.Extra["signup"].(map[string]any); ok && d.sources[0].name == "extra.signup" {
		d.profile.UserMetadata = metadata(given["user_metadata"])
	}
	if given, ok := in.Extra["post_users"].(map[string]any); ok && d.sources[0].name == "extra.post_users" {
		d.profile.UserMetadata = metadata(given["user_metadata"])
		d.profile.AppMetadata = metadata(given["app_metadata"])
	}
}

func metadata(v any) map[string]any {
	m, ok := object(v)
	if !ok {
		return nil
	}
	return jsonvalue.CloneMap(m)
}
