package profilestore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/normalize"
)

const (
	maxUserID     = 255
	userIDPattern = `^\S*$`
)

// CheckNew says why POST /api/v2/users can't take a body (Management API: Create a User), or nil. It looks at the body
// alone: what the connection allows is for its connector to say. The error is a *Refusal.
func CheckNew(body map[string]any) error {
	keys := slices.Sorted(maps.Keys(body))
	var extra []string
	for _, key := range keys {
		if !isNewKey(key) {
			extra = append(extra, key)
		}
	}
	if len(extra) > 0 {
		return &Refusal{
			Code:    CodeInvalidBody,
			Message: "Payload validation error: 'Additional properties not allowed: " + strings.Join(extra, ",") + "'.",
		}
	}
	if _, given := body["connection"]; !given {
		return &Refusal{Code: CodeInvalidBody, Message: "Payload validation error: 'Missing required property: connection'."}
	}
	for _, key := range keys {
		if err := checkNewValue(key, body[key]); err != nil {
			return err
		}
	}
	if m, ok := body["user_metadata"].(map[string]any); ok {
		if err := CheckUserMetadata(m); err != nil {
			return err
		}
	}
	m, _ := body["app_metadata"].(map[string]any)
	return CheckAppMetadata(m)
}

func isNewKey(key string) bool {
	if a, ok := normalize.Lookup(key); ok {
		return a.WrittenBy(normalize.ByManagement)
	}
	switch key {
	case "connection", "password", "user_id", "blocked", "verify_email", "user_metadata", "app_metadata":
		return true
	}
	return false
}

func checkNewValue(key string, v any) error {
	if a, ok := normalize.Lookup(key); ok {
		if err := a.Check(v); err != nil {
			return invalid(key, a.Description, err.Error())
		}
		return nil
	}
	if key == "user_id" {
		return checkNewID(v)
	}
	want, description, _ := patchType(key)
	if found := normalize.TypeName(v); found != want {
		return invalid(key, description, fmt.Sprintf("Expected type %s but found type %s", want, found))
	}
	if s, ok := v.(string); ok && s == "" {
		return invalid(key, description, "String is too short (0 chars), minimum 1")
	}
	return nil
}

func checkNewID(v any) error {
	const description = "The external user's id provided by the identity provider."
	id, ok := v.(string)
	if !ok {
		return invalid("user_id", description, "Expected type string but found type "+normalize.TypeName(v))
	}
	if n := utf8.RuneCountInString(id); n > maxUserID {
		return invalid("user_id", description, fmt.Sprintf("String is too long (%d chars), maximum %d", n, maxUserID))
	}
	if strings.ContainsFunc(id, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return invalid("user_id", description, "String does not match pattern "+userIDPattern)
	}
	return nil
}

// CheckSize refuses a user who is too large to be read at every login. The error is a *Refusal.
func CheckSize(u *User) error { return u.checkSize() }
