package profilestore

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestNewUsersThatAreRefused(t *testing.T) {
	for key, values := range map[string][]any{
		"connection":     {nil, "", json.Number("5")},
		"email":          {nil, "", "x", json.Number("5"), strings.Repeat("x", 65) + "@example.com"},
		"email_verified": {nil, "true"},
		"username":       {"", "a b", "a@example.com"},
		"phone_number":   {"123", "+1234567890123456"},
		"name":           {"", strings.Repeat("x", 301)},
		"given_name":     {strings.Repeat("x", 151)},
		"picture":        {"not a URL"},
		"blocked":        {nil, json.Number("1")},
		"password":       {nil, "", true},
		"verify_email":   {"no"},
		"user_id":        {nil, json.Number("1"), "a b", "a\x00", strings.Repeat("x", 256)},
		"user_metadata":  {nil, []any{}, map[string]any{"$a": true}},
		"app_metadata":   {"x", map[string]any{"email": "x"}},
		"locale":         {"de"},
		"identities":     {[]any{}},
		"logins_count":   {json.Number("1")},
	} {
		for _, value := range values {
			body := map[string]any{"connection": "Users", "email": "a@example.com"}
			body[key] = value
			var refusal *Refusal
			if err := CheckNew(body); !errors.As(err, &refusal) || refusal.Code != CodeInvalidBody || !strings.Contains(refusal.Message, key) {
				t.Errorf("%s: %v: %v", key, value, err)
			}
		}
	}
}

func TestNewUsersThatAreFine(t *testing.T) {
	base := map[string]any{"connection": "Users"}
	for key, value := range map[string]any{
		"email": "Ann@Example.com", "email_verified": true, "username": "Ann", "phone_number": "+491234", "phone_verified": false,
		"name": "Ann Lee", "picture": "https://a.test/b.png", "blocked": false, "password": "x", "verify_email": true, "user_id": "",
		"user_metadata": map[string]any{"a": nil}, "app_metadata": map[string]any{},
	} {
		body := maps.Clone(base)
		body[key] = value
		if err := CheckNew(body); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
