package connectors

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGitHub(t *testing.T) {
	p := newProvider(t)
	r := p.connect("github", nil)
	query, pending := p.begin(r, AuthRequest{LoginHint: "octomona", Prompt: "login"})
	if query.Get("scope") != "user:email" || query.Get("login") != "octomona" || query.Has("prompt") || query.Has("nonce") {
		t.Errorf("sent with %v", query)
	}
	if query.Get("code_challenge_method") != "S256" {
		t.Error("no PKCE")
	}
	p.on("github.com/login/oauth/access_token", func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Accept") != "application/json" {
			t.Errorf("Accept: %s", req.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"at-1","token_type":"bearer","scope":"user:email"}`)
	})
	p.on("api.github.com/user", func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer at-1" || req.Header.Get("User-Agent") == "" {
			t.Errorf("headers %v", req.Header)
		}
		fmt.Fprint(w, `{"id":9007199254740993,"login":"octomona"}`)
	})
	p.on("api.github.com/user/emails", func(w http.ResponseWriter, req *http.Request) {
		n := map[string]int{"1": 100, "2": 30}[req.URL.Query().Get("page")]
		item := fmt.Sprintf(`{"email":"page%s@example.com"}`, req.URL.Query().Get("page"))
		fmt.Fprint(w, "["+strings.TrimSuffix(strings.Repeat(item+",", n), ",")+"]")
	})
	a, err := r.Finish(t.Context(), callback(pending, "code", "c1"))
	if err != nil {
		t.Fatal(err)
	}
	emails, _ := a.Extra["GET https://api.github.com/user/emails"].([]any)
	if len(emails) != 130 || p.count("GET api.github.com/user/emails") != 2 {
		t.Errorf("%d addresses in %d pages", len(emails), p.count("GET api.github.com/user/emails"))
	}
	if user := fmt.Sprint(a.Userinfo.(map[string]any)["id"]); user != "9007199254740993" || a.IDToken != nil {
		t.Errorf("assertion %+v", a)
	}
}

func TestGitHubFailures(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		status        int
		body          string
		code          string // "": the login works
	}{
		{"addresses not allowed", "api.github.com/user/emails", 404, `{"message":"Not Found"}`, ""},
		{"addresses forbidden", "api.github.com/user/emails", 403, `{}`, ""},
		{"addresses broken", "api.github.com/user/emails", 500, `{}`, "access_denied"},
		{"addresses not a list", "api.github.com/user/emails", 200, `{}`, "access_denied"},
		{"no user", "api.github.com/user", 401, `{}`, "access_denied"},
		{
			"code expired, said with 200", "github.com/login/oauth/access_token", 200,
			`{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`, "access_denied",
		},
		{
			"secret wrong, said with 200", "github.com/login/oauth/access_token", 200,
			`{"error":"incorrect_client_credentials","error_description":"Wrong."}`, "unauthorized_client",
		},
		{"token endpoint down", "github.com/login/oauth/access_token", 503, `unicorn`, "access_denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			p.json("github.com/login/oauth/access_token", map[string]any{"access_token": "at-1"})
			p.json("api.github.com/user", map[string]any{"id": 1, "login": "x"})
			p.json("api.github.com/user/emails", []any{})
			p.status(tt.address, tt.status, tt.body)
			r := p.connect("github", nil)
			_, pending := p.begin(r, AuthRequest{})
			a, err := r.Finish(t.Context(), callback(pending, "code", "c1"))
			if got := code(err); got != tt.code {
				t.Fatalf("code %q (%v), want %q", got, err, tt.code)
			}
			if tt.code == "" && (a.Userinfo == nil || a.Extra != nil) {
				t.Errorf("assertion %+v", a)
			}
		})
	}
}

func TestGoogle(t *testing.T) {
	p := newProvider(t)
	r := p.connect("google-oauth2", map[string]any{"offline_access": true})
	query, pending := p.begin(r, AuthRequest{LoginHint: "jo@gmail.com", Prompt: "select_account"})
	if query.Get("scope") != "openid email profile" || query.Get("access_type") != "offline" || query.Get("nonce") != pending.Nonce ||
		query.Get("login_hint") != "jo@gmail.com" || query.Get("prompt") != "select_account" {
		t.Errorf("sent with %v", query)
	}
	p.json("www.googleapis.com/oauth2/v3/certs", p.jwks(p.publicKey("k1")))
	finish := func(iss, sub string) (Assertion, error) {
		p.json("oauth2.googleapis.com/token", map[string]any{
			"access_token": "at-1", "id_token": p.rs256(claims(pending.Nonce, map[string]any{"iss": iss})),
		})
		p.json("openidconnect.googleapis.com/v1/userinfo", map[string]any{"sub": sub})
		return r.Finish(t.Context(), callback(pending, "code", "c1"))
	}
	for _, iss := range []string{"https://accounts.google.com", "accounts.google.com"} { // Google documents both
		a, err := finish(iss, "person-1")
		if err != nil || a.IDToken["sub"] != "person-1" || a.Userinfo == nil {
			t.Errorf("%s: %+v, %v", iss, a, err)
		}
	}
	if _, err := finish("https://accounts.google.evil.example", "person-1"); code(err) != "access_denied" {
		t.Errorf("foreign issuer: %v", err)
	}
	if _, err := finish("https://accounts.google.com", "person-2"); code(err) != "access_denied" {
		t.Errorf("userinfo of another: %v", err)
	}
	p.json("oauth2.googleapis.com/token", map[string]any{"access_token": "at-1"})
	if a, err := r.Finish(t.Context(), callback(pending, "code", "c1")); err != nil || a.IDToken != nil || a.Userinfo == nil {
		t.Errorf("without an ID token: %+v, %v", a, err)
	}
	if p.count("GET accounts.google.com") != 0 {
		t.Error("discovery was asked for")
	}
}

func TestScopes(t *testing.T) {
	p := newProvider(t)
	for _, tt := range []struct {
		strategy string
		options  map[string]any
		want     string
	}{
		{"github", map[string]any{"email": false}, ""},
		{"github", map[string]any{"email": true, "profile": true, "repo_status": true, "admin_org": true}, "user:email repo:status admin:org"},
		{"github", map[string]any{"scope": []any{"read:user"}}, "read:user"},
		{"github", map[string]any{"scope": []any{"read:user"}, "email": true, "freeform_scopes": []any{"gist"}}, "read:user gist user:email"},
		{"google-oauth2", map[string]any{"email": false}, "openid profile"},
		{"google-oauth2", map[string]any{"scope": []any{"email"}}, "openid email"},
		{"google-oauth2", map[string]any{"scope": []any{"email", "offline_access"}, "profile": true}, "openid email profile"},
		{"oidc", backChannel(map[string]any{"scope": "email"}), "openid email"},
	} {
		query, _ := p.begin(p.connect(tt.strategy, tt.options), AuthRequest{})
		if diff := cmp.Diff(tt.want, query.Get("scope")); diff != "" {
			t.Errorf("%s %v: %s", tt.strategy, tt.options, diff)
		}
	}
}
