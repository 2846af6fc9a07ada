package tokens_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/tokens"
)

func TestCustomClaimAllowed(t *testing.T) {
	for name, want := range map[string]bool{
		"user_metadata": true, "email": true, "favourite colour": true, "Sub": true, "auth0": true,
		"https://example.test/roles": true, "http://example.test/roles": true, "urn:example:roles": true,
		"https://notauth0.com/roles": true, "https://auth0.com.example.test/roles": true, "urn:auth0x:roles": true,
		"": false, "$ref": false, "sub": false, "iss": false, "permissions": false, "x5t#S256": false, "internalService": false,
		"scope": false, "session_expiry": false,
		"https://auth0.com/roles": false, "https://example.auth0.com/roles": false, "HTTPS://Example.AUTH0.com/roles": false,
		"https://auth0.com./roles": false, "https://auth0.com:443/roles": false, "https://user@webtask.io/x": false,
		"http://a.webtask.run": false, "urn:auth0": false, "urn:auth0:roles": false, "URN:Auth0:roles": false,
		"https:///roles": false, "https://%zz/": false,
	} {
		if got := tokens.CustomClaimAllowed(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestRestricted(t *testing.T) {
	for name, want := range map[string]bool{
		"acr": true, "aud": true, "x5t#S256": true, "sub_jwk": true, "vtm": true, "groups": true,
		"": false, " ": false, "acr act": false, "ac": false, "email": false, "Aud": false,
	} {
		if got := tokens.Restricted(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

func TestMergeCustom(t *testing.T) {
	standard := map[string]any{"iss": issuer, "sub": "auth0|1", "scope": "openid", "email": "a@example.test", "gty": "password", "tenant": "x"}
	custom := map[string]any{
		"iss": "https://evil.test/", "sub": "auth0|2", "exp": 1, "scope": "openid admin", "gty": "none", "$x": 1, "tenant": "y",
		"permissions": []string{"all"}, "email": "b@example.test", "user_metadata": map[string]any{"hobby": "chess"},
		"https://example.test/roles": []string{"admin"}, "https://x.auth0.com/roles": 1,
	}
	want := map[string]any{
		"iss": issuer, "sub": "auth0|1", "scope": "openid", "email": "b@example.test", "gty": "password", "tenant": "x",
		"user_metadata": map[string]any{"hobby": "chess"}, "https://example.test/roles": []string{"admin"},
	}
	if diff := cmp.Diff(want, tokens.MergeCustom(standard, custom)); diff != "" {
		t.Error(diff)
	}
	if standard["email"] != "a@example.test" {
		t.Error("the standard claims were changed")
	}
}

func TestCheckCustomClaims(t *testing.T) {
	fits := map[string]any{"x": strings.Repeat("x", tokens.MaxCustomClaims-len(`{"x":""}`))}
	if err := tokens.CheckCustomClaims(fits); err != nil {
		t.Errorf("100 KB: %v", err)
	}
	fits["y"] = 1
	if err := tokens.CheckCustomClaims(fits); !errors.Is(err, tokens.ErrCustomClaims) {
		t.Errorf("more than 100 KB: %v", err)
	}
	if err := tokens.CheckCustomClaims(map[string]any{"x": func() {}}); err == nil {
		t.Error("a function is taken")
	}
}

func TestClaimScope(t *testing.T) {
	for name, want := range map[string]string{
		"email": "email", "email_verified": "email", "phone_number": "phone", "address": "address", "nickname": "profile",
		"updated_at": "profile", "sub": "", "user_metadata": "", "https://example.test/email": "",
	} {
		if got := tokens.ClaimScope(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]bool{"https://a.test/x": true, "HTTP://a.test/": true, "urn:a:b": true, "roles": false} {
		if got := tokens.Namespaced(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
