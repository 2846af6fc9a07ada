package profilestore

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/normalize"
)

// checkKeys refuses keys of the server's own fields, which tools that echo a whole user send.
func (p *patch) checkKeys() error {
	extra := p.sortedKeys(func(key string) bool { return normalize.Reserved(key) && !isPatchKey(key) })
	if len(extra) == 0 {
		return nil
	}
	return &Refusal{Code: CodeInvalidBody, Message: "Payload validation error: 'Additional properties not allowed: " +
		strings.Join(extra, ",") + ` (consider storing them in app_metadata or user_metadata. See "Users Metadata" in ` +
		"https://auth0.com/docs/api/v2/changes for more details)'."}
}

// isPatchKey lists the reserved names that a body may have all the same.
func isPatchKey(key string) bool {
	switch key {
	case "blocked", "password", "user_metadata", "app_metadata":
		return true
	}
	return false
}

// checkTypes checks each known key by itself.
func (p *patch) checkTypes() error {
	for _, key := range p.sortedKeys(func(string) bool { return true }) {
		v := p.body[key]
		if a, ok := normalize.Lookup(key); ok && a.Patchable {
			if v == nil && a.Nullable {
				continue
			}
			if err := a.Check(v); err != nil {
				return invalid(key, a.Description, err.Error())
			}
			continue
		}
		want, description, known := patchType(key)
		if !known || v == nil && key == "password" {
			continue
		}
		if found := normalize.TypeName(v); found != want {
			return invalid(key, description, fmt.Sprintf("Expected type %s but found type %s", want, found))
		}
		if s, ok := v.(string); ok && utf8.RuneCountInString(s) < 1 {
			return invalid(key, description, "String is too short (0 chars), minimum 1")
		}
	}
	return nil
}

// patchType returns the type of a body key that isn't a root attribute.
func patchType(key string) (want, description string, known bool) {
	switch key {
	case "blocked":
		return "boolean", "Whether this user was blocked by an administrator (true) or not (false).", true
	case "verify_email":
		return "boolean", "Whether this user will receive a verification email after creation (true) or no email (false).", true
	case "verify_phone_number":
		return "boolean", "Whether this user will receive a text after changing the phone number (true) or no text (false).", true
	case "user_metadata":
		return "object", "User metadata to which this user has read/write access.", true
	case "app_metadata":
		return "object", "User metadata to which this user has read-only access.", true
	case "password":
		return "string", "New password for this user.", true
	case "connection":
		return "string", "Name of the connection to target for this user update.", true
	case "client_id":
		return "string", "Auth0 client ID. Only valid when updating email address.", true
	}
	return "", "", false
}

// checkCombinations refuses pairs of changes that a store of passwords can't make at once.
func (p *patch) checkCombinations() error {
	for _, pair := range [...][2]string{
		{"password", "email"},
		{"password", "email_verified"},
		{"username", "email"},
		{"username", "email_verified"},
		{"username", "password"},
	} {
		if p.has(pair[0]) && p.has(pair[1]) {
			return &Refusal{
				Code:    CodeInvalidBody,
				Message: fmt.Sprintf("Cannot update %s and %s simultaneously.", pair[0], pair[1]),
			}
		}
	}
	return nil
}

// findTarget finds the identity that the body's "connection" names.
func (p *patch) findTarget() error {
	if len(p.user.Identities) == 0 {
		return fmt.Errorf("user %s has no identity", p.user.ID)
	}
	name, named := p.body["connection"].(string)
	if !named || name == p.user.Identities[0].Connection {
		return nil
	}
	p.index = slices.IndexFunc(p.user.Identities, func(i Identity) bool { return i.Connection == name })
	if p.index < 0 || p.ctx.Target.Name != name {
		return &Refusal{Code: CodeInvalidBody, Message: "Connection does not exist."}
	}
	p.target = p.ctx.Target
	return nil
}

// checkNames refuses the synced attributes where the identity provider owns them. Only the presence of a key counts,
// changed or not.
func (p *patch) checkNames() error {
	keys := p.sortedKeys(func(key string) bool {
		a, ok := normalize.Lookup(key)
		return ok && a.Synced
	})
	if len(keys) == 0 || p.index == 0 && p.target.Editable() {
		return nil
	}
	message := "The following user attributes cannot be updated: " + strings.Join(keys, ", ") + ". "
	if p.index > 0 {
		message += "The specified connection belongs to a secondary identity."
	} else {
		message += "The connection (" + p.target.Name + ") must either be a database connection (using the Auth0 store), " +
			"a passwordless connection (email or sms) or has disabled 'Sync user profile attributes at each login'. " +
			"For more information, see https://auth0.com/docs/dashboard/guides/connections/configure-connection-sync"
	}
	return &Refusal{Code: CodeNotSupported, Message: message}
}

// checkLogin refuses login attributes that the identity's connection doesn't have.
func (p *patch) checkLogin() error {
	c := p.target
	if c.Disabled && (p.has("email") || p.has("password")) {
		return notSupported("Cannot change email or password for users in a disabled connection.")
	}
	if p.has("email") && c.Kind != KindDatabase && c.Kind != KindEmail {
		return notSupported("Cannot update email for non-database user.")
	}
	if p.has("email_verified") {
		switch c.Kind {
		case KindEnterprise:
			return notSupported("Email verification is not supported for enterprise users.")
		case KindSMS, KindCustomDatabase:
			return notSupported("Connection is not supported for this operation.")
		}
	}
	if p.has("username") {
		if c.Kind != KindDatabase {
			return notSupported("Connection is not supported for this operation.")
		}
		if !c.Usernames {
			return notSupported("Cannot set username for connection without requires_username.")
		}
	}
	if p.has("password") && c.Kind != KindDatabase {
		return notSupported("Connection is not supported for this operation.")
	}
	if (p.has("phone_number") || p.has("phone_verified")) && c.Kind != KindDatabase && c.Kind != KindSMS {
		return notSupported("Connection is not supported for this operation.")
	}
	return p.checkFlags()
}

// checkFlags refuses to call an address verified that isn't there.
func (p *patch) checkFlags() error {
	values := p.user.Root
	if p.index > 0 {
		values = p.user.Identities[p.index].ProfileData
	}
	for _, address := range []string{"email", "phone_number"} {
		flag, _ := flagOf(address)
		after, sent := p.body[address]
		if !sent {
			after = values[address]
		}
		if p.body[flag] == true && after == nil {
			return &Refusal{Code: CodeInvalidBody, Message: "Cannot set " + flag + " for a user without " + address + "."}
		}
	}
	return nil
}

func notSupported(message string) *Refusal { return &Refusal{Code: CodeNotSupported, Message: message} }

func (p *patch) checkMetadata() error {
	if m, ok := p.body["user_metadata"].(map[string]any); ok {
		if err := CheckUserMetadata(m); err != nil {
			return err
		}
	}
	if m, ok := p.body["app_metadata"].(map[string]any); ok {
		return CheckAppMetadata(m)
	}
	return nil
}
