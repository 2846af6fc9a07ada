package profilestore

import (
	"encoding/json"
	"slices"
	"strings"
)

// databaseProvider is the provider of all identities at database connections.
const databaseProvider = "auth0"

// SubjectString returns the exact text of UserID, as [Key] has it. Empty where UserID is neither string nor number.
func (i Identity) SubjectString() string {
	switch v := i.UserID.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// Key returns the identity's name in the store.
func (i Identity) Key() Key { return Key{Connection: i.Connection, Subject: i.SubjectString()} }

// text names the key in a provenance.
func (k Key) text() string { return k.Connection + "|" + k.Subject }

// identityIndex returns the position of an identity, or -1.
func (u *User) identityIndex(key Key) int {
	return slices.IndexFunc(u.Identities, func(i Identity) bool { return i.Key() == key })
}

// LoginKind says which of a person's attributes a login identifier is.
type LoginKind string

const (
	LoginEmail    LoginKind = "email"
	LoginUsername LoginKind = "username"
	LoginPhone    LoginKind = "phone_number"
)

// LoginIdentifier is what a person types to log in at a database or passwordless connection. It is unique inside the
// connection.
type LoginIdentifier struct {
	Connection string
	Kind       LoginKind
	// Value is in lower case.
	Value string
}

// LoginIdentifiers returns the login identifiers of all identities: e-mail address, username and phone number at
// databases, the address at e-mail connections, the number at SMS connections.
func (u *User) LoginIdentifiers() []LoginIdentifier {
	var list []LoginIdentifier
	for n, identity := range u.Identities {
		attributes := identity.ProfileData
		if n == 0 {
			attributes = u.Root
		}
		for _, kind := range loginKinds(identity.Provider) {
			value, ok := attributes[string(kind)].(string)
			if !ok || value == "" {
				continue
			}
			list = append(list, LoginIdentifier{Connection: identity.Connection, Kind: kind, Value: strings.ToLower(value)})
		}
	}
	return list
}

func loginKinds(provider string) []LoginKind {
	switch provider {
	case databaseProvider:
		return []LoginKind{LoginEmail, LoginUsername, LoginPhone}
	case "email":
		return []LoginKind{LoginEmail}
	case "sms":
		return []LoginKind{LoginPhone}
	}
	return nil
}
