package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/latchkey-id/latchkey/tenant"
)

func backChannel(more map[string]any) map[string]any {
	options := map[string]any{"issuer": issuer, "type": "back_channel"}
	for name, value := range more {
		options[name] = value
	}
	return options
}

func (p *fakeProvider) grant(nonce string, edits map[string]any) {
	p.json("idp.example/token", map[string]any{
		"access_token": "at-1", "token_type": "Bearer", "id_token": p.rs256(claims(nonce, edits)),
	})
}

func TestOIDCCodeFlow(t *testing.T) {
	p := newProvider(t)
	r := p.connect("oidc", backChannel(map[string]any{
		"scope": "openid email", "attribute_map": map[string]any{"userinfo_scope": "groups"},
		"upstream_params": map[string]any{
			"acr_values": map[string]any{"alias": "level"}, "audience": map[string]any{"value": "api"},
			"screen": map[string]any{"alias": "not_given"}, "nonce": map[string]any{"value": "fixed"},
			"redirect_uri": map[string]any{"value": "https://evil.example"},
		},
	}))
	query, pending := p.begin(r, AuthRequest{
		LoginHint: "jo@example.com", Prompt: "login", Scopes: []string{"calendar", "email"}, Params: url.Values{"level": {"high"}},
	})
	want := url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "state": {"state-1"},
		"scope": {"openid email groups calendar"}, "nonce": {pending.Nonce}, "login_hint": {"jo@example.com"}, "prompt": {"login"},
		"acr_values": {"high"}, "audience": {"api"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(pending.Verifier)}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, query); diff != "" {
		t.Errorf("sent to the provider with: %s", diff)
	}
	if len(pending.Nonce) < 32 || pending.FormPost {
		t.Errorf("pending %+v", pending)
	}
	p.grant(pending.Nonce, map[string]any{"n": json.Number("9007199254740993")})
	p.json("idp.example/userinfo", `{"sub":"person-1","groups":["a"],"id":9007199254740993}`)
	a, err := r.Finish(t.Context(), callback(pending, "code", "c1", "state", "state-1", "iss", issuer))
	if err != nil {
		t.Fatal(err)
	}
	if a.IDToken["n"] != json.Number("9007199254740993") || a.Connection.Name != "up" {
		t.Errorf("assertion %+v", a)
	}
	wantInfo := map[string]any{"sub": "person-1", "groups": []any{"a"}, "id": json.Number("9007199254740993")}
	if diff := cmp.Diff(any(wantInfo), a.Userinfo); diff != "" {
		t.Error(diff)
	}
	wantForm := url.Values{
		"grant_type": {"authorization_code"}, "code": {"c1"}, "redirect_uri": {redirectURI}, "client_id": {clientID},
		"client_secret": {"s3cret"}, "code_verifier": {pending.Verifier},
	}
	if diff := cmp.Diff(wantForm, p.form); diff != "" {
		t.Errorf("token request: %s", diff)
	}
}

func TestOIDCFrontChannel(t *testing.T) {
	p := newProvider(t)
	r := p.connect("oidc", map[string]any{"issuer": issuer})
	query, pending := p.begin(r, AuthRequest{})
	if query.Get("response_type") != "id_token" || query.Get("response_mode") != "form_post" || !pending.FormPost {
		t.Errorf("query %v, pending %+v", query, pending)
	}
	if query.Has("code_challenge") || query.Get("scope") != "openid profile email" {
		t.Errorf("query %v", query)
	}
	a, err := r.Finish(t.Context(), callback(pending, "id_token", p.rs256(claims(pending.Nonce, nil))))
	if err != nil || a.IDToken["sub"] != "person-1" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := r.Finish(t.Context(), callback(pending, "code", "c1")); code(err) != "invalid_request" {
		t.Errorf("no ID token: %v", err)
	}
}

func code(err error) string {
	var e *ProviderError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestOIDCClientAuthentication(t *testing.T) {
	for _, tt := range []struct {
		name    string
		methods []string
		option  string
		basic   bool
	}{
		{"nothing said", nil, "", false},
		{"provider knows both", []string{"client_secret_basic", "client_secret_post"}, "", false},
		{"provider knows Basic only", []string{"client_secret_basic", "private_key_jwt"}, "", true},
		{"Basic by option", nil, "client_secret_basic", true},
		{"form by option", []string{"client_secret_basic"}, "client_secret_post", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			doc := p.discovery()
			doc["token_endpoint_auth_methods_supported"] = tt.methods
			p.json("idp.example/.well-known/openid-configuration", doc)
			p.json("idp.example/userinfo", map[string]any{"sub": "person-1"})
			r := p.connect("oidc", backChannel(map[string]any{"token_endpoint_auth_method": tt.option, "client_secret": "a+b/c:d"}))
			_, pending := p.begin(r, AuthRequest{})
			p.grant(pending.Nonce, nil)
			if _, err := r.Finish(t.Context(), callback(pending, "code", "c1")); err != nil {
				t.Fatal(err)
			}
			if (p.basic != nil) != tt.basic || p.form.Has("client_secret") == tt.basic {
				t.Errorf("basic %v, form %v", p.basic, p.form)
			}
		})
	}
}

func TestOIDCPKCE(t *testing.T) {
	for _, tt := range []struct {
		option    string
		supported []string
		want      string
	}{
		{"auto", nil, "S256"},
		{"auto", []string{"plain", "S256"}, "S256"},
		{"auto", []string{"plain"}, "plain"},
		{"S256", []string{"plain"}, "S256"},
		{"plain", nil, "plain"},
		{"disabled", []string{"S256"}, ""},
	} {
		p := newProvider(t)
		doc := p.discovery()
		doc["code_challenge_methods_supported"] = tt.supported
		p.json("idp.example/.well-known/openid-configuration", doc)
		r := p.connect("oidc", backChannel(map[string]any{"connection_settings": map[string]any{"pkce": tt.option}}))
		query, pending := p.begin(r, AuthRequest{})
		if got := query.Get("code_challenge_method"); got != tt.want || (pending.Verifier == "") != (tt.want == "") {
			t.Errorf("%s with %v: %q, verifier %q", tt.option, tt.supported, got, pending.Verifier)
		}
	}
}

// One login discovers; the others use what it found. Endpoints of the options win.
func TestOIDCEndpoints(t *testing.T) {
	p := newProvider(t)
	r := p.connect("oidc", backChannel(map[string]any{"authorization_endpoint": "https://login.idp.example/go?x=1"}))
	for range 3 {
		address, _, err := r.AuthURL(t.Context(), AuthRequest{State: "s", RedirectURI: redirectURI})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(address, p.srv.URL+"/login.idp.example/go?x=1&") {
			t.Errorf("sent to %s", address)
		}
	}
	if n := p.count("GET idp.example/.well-known/openid-configuration"); n != 1 {
		t.Errorf("%d discoveries", n)
	}
	manual := p.connect("oidc", backChannel(map[string]any{
		"authorization_endpoint": issuer + "/a", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/jwks",
	}))
	_, pending := p.begin(manual, AuthRequest{})
	p.grant(pending.Nonce, nil)
	a, err := manual.Finish(t.Context(), callback(pending, "code", "c1"))
	if err != nil || a.Userinfo != nil {
		t.Errorf("without a userinfo endpoint: %+v, %v", a, err)
	}
	if n := p.count("GET idp.example/.well-known/openid-configuration"); n != 1 {
		t.Errorf("%d discoveries, though all endpoints are configured", n)
	}
}

func TestOIDCUnusableDiscovery(t *testing.T) {
	change := func(name string, value any) func(*fakeProvider) {
		return func(p *fakeProvider) {
			doc := p.discovery()
			doc[name] = value
			p.json("idp.example/.well-known/openid-configuration", doc)
		}
	}
	for name, set := range map[string]func(*fakeProvider){
		"other issuer":            change("issuer", "https://evil.example"),
		"no issuer":               change("issuer", ""),
		"issuer with slash":       change("issuer", issuer+"/"),
		"http endpoint":           change("token_endpoint", "http://idp.example/token"),
		"http userinfo":           change("userinfo_endpoint", "http://idp.example/userinfo"),
		"script as endpoint":      change("authorization_endpoint", "javascript:alert(1)"),
		"credentials in endpoint": change("authorization_endpoint", "https://a:b@idp.example/"),
		"no keys":                 change("jwks_uri", ""),
		"wrong type":              change("jwks_uri", 7),
		"not there":               func(p *fakeProvider) { p.status("idp.example/.well-known/openid-configuration", 404, "{}") },
		"not JSON":                func(p *fakeProvider) { p.json("idp.example/.well-known/openid-configuration", "<html>") },
		"too large": func(p *fakeProvider) {
			p.json("idp.example/.well-known/openid-configuration", `"`+strings.Repeat("x", maxAnswer)+`"`)
		},
		"too deep": func(p *fakeProvider) {
			p.json("idp.example/.well-known/openid-configuration", strings.Repeat("[", 100)+strings.Repeat("]", 100))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			set(p)
			r := p.connect("oidc", backChannel(nil))
			_, _, err := r.AuthURL(t.Context(), AuthRequest{State: "s", RedirectURI: redirectURI})
			if code(err) != "access_denied" {
				t.Errorf("not refused: %v", err)
			}
			if _, err := r.Finish(t.Context(), callback(Pending{Nonce: "n"}, "code", "c1")); code(err) != "access_denied" {
				t.Errorf("Finish: %v", err)
			}
		})
	}
}

func TestOIDCRefusedOptions(t *testing.T) {
	for name, options := range map[string]map[string]any{
		"no client id":      {"issuer": issuer, "client_id": ""},
		"no issuer":         {"authorization_endpoint": issuer + "/a"},
		"http issuer":       {"issuer": "http://idp.example"},
		"unknown type":      {"issuer": issuer, "type": "sideways"},
		"unknown pkce":      {"issuer": issuer, "connection_settings": map[string]any{"pkce": "S512"}},
		"private_key_jwt":   {"issuer": issuer, "token_endpoint_auth_method": "private_key_jwt"},
		"symmetric or none": {"issuer": issuer, "id_token_signed_response_algs": []any{"HS256", "none"}},
	} {
		conn := &tenant.Connection{Name: "up", Strategy: "oidc", Options: map[string]any{"client_id": clientID}}
		for key, value := range options {
			conn.Options[key] = value
		}
		if _, err := Open(conn, newProvider(t).deps()); err == nil || !strings.Contains(err.Error(), `connection "up"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What goes wrong between us and the provider, and what app and person get to know of it.
func TestOIDCFailures(t *testing.T) {
	token := func(status int, body any) func(*fakeProvider) {
		return func(p *fakeProvider) { p.status("idp.example/token", status, body) }
	}
	userinfo := func(status int, body any) func(*fakeProvider) {
		return func(p *fakeProvider) { p.status("idp.example/userinfo", status, body) }
	}
	for _, tt := range []struct {
		name              string
		set               func(*fakeProvider)
		params            []string
		code, description string
	}{
		{"person refuses", nil, []string{"error", "access_denied", "error_description", "User said no"}, "access_denied", "User said no"},
		{"provider's other code", nil, []string{"error", "login_required"}, "login_required", neutral},
		{"code of no standard", nil, []string{"error", "<b>", "error_description", "a\r\n<script>\x00 b"}, "access_denied", "a <script> b"},
		{"no code", nil, []string{"state", "s"}, "invalid_request", "The identity provider's answer has no code."},
		{"two codes", nil, []string{"code", "a", "code", "b"}, "invalid_request", "The identity provider's answer has no code."},
		{"another issuer's answer", nil, []string{"code", "a", "iss", "https://evil.example"}, "access_denied", neutral},
		{"code used up", token(400, `{"error":"invalid_grant","error_description":"Code was redeemed"}`), nil, "access_denied", "Code was redeemed"},
		{"our secret is wrong", token(401, `{"error":"invalid_client","error_description":"Bad secret"}`), nil, "unauthorized_client", "Bad secret"},
		{"our request is wrong", token(400, `{"error":"invalid_request"}`), nil, "invalid_request", neutral},
		{"provider broken", token(500, `{"error":"server_error","error_description":"stack trace"}`), nil, "access_denied", neutral},
		{"provider broken in HTML", token(502, `<html>s3cret</html>`), nil, "access_denied", neutral},
		{"token answer without token", token(200, `{}`), nil, "access_denied", neutral},
		{"token answer without ID token", token(200, `{"access_token":"a"}`), nil, "access_denied", neutral},
		{"token answer too large", token(200, `{"access_token":"`+strings.Repeat("x", 2<<20)+`"}`), nil, "access_denied", neutral},
		{"userinfo of another person", userinfo(200, `{"sub":"person-2"}`), nil, "access_denied", neutral},
		{"userinfo of nobody", userinfo(200, `{"name":"x"}`), nil, "access_denied", neutral},
		{"userinfo twice", userinfo(200, `{"sub":"person-2","sub":"person-1"}`), nil, "access_denied", neutral},
		{"userinfo a list", userinfo(200, `["person-1"]`), nil, "access_denied", neutral},
		{"userinfo null", userinfo(200, `null`), nil, "access_denied", neutral},
		{"userinfo refused", userinfo(403, `{}`), nil, "access_denied", neutral},
		{"userinfo too large", userinfo(200, `{"sub":"`+strings.Repeat("x", maxAnswer)+`"}`), nil, "access_denied", neutral},
		{"userinfo with more behind", userinfo(200, `{"sub":"person-1"}{}`), nil, "access_denied", neutral},
		{"userinfo not UTF-8", userinfo(200, "{\"sub\":\"person-1\",\"name\":\"\xff\"}"), nil, "access_denied", neutral},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			r := p.connect("oidc", backChannel(nil))
			_, pending := p.begin(r, AuthRequest{})
			p.grant(pending.Nonce, nil)
			p.json("idp.example/userinfo", map[string]any{"sub": "person-1"})
			if tt.set != nil {
				tt.set(p)
			}
			if tt.params == nil {
				tt.params = []string{"code", "c1"}
			}
			a, err := r.Finish(t.Context(), callback(pending, tt.params...))
			var refused *ProviderError
			if !errors.As(err, &refused) {
				t.Fatalf("%+v, %v", a, err)
			}
			if refused.Code != tt.code || refused.Description != tt.description {
				t.Errorf("got %s %q, want %s %q", refused.Code, refused.Description, tt.code, tt.description)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "at-1") {
				t.Errorf("a secret in the error: %v", err)
			}
			if a.IDToken != nil || a.Userinfo != nil {
				t.Errorf("an assertion comes with the error: %+v", a)
			}
		})
	}
}

// The token request holds our secret: it goes nowhere but to the token endpoint.
func TestTokenRequestFollowsNoRedirect(t *testing.T) {
	p := newProvider(t)
	r := p.connect("oidc", backChannel(nil))
	_, pending := p.begin(r, AuthRequest{})
	p.on("idp.example/token", func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, "https://evil.example/token", http.StatusTemporaryRedirect)
	})
	if _, err := r.Finish(t.Context(), callback(pending, "code", "c1")); code(err) != "access_denied" {
		t.Errorf("%v", err)
	}
	if n := p.count("POST evil.example"); n != 0 {
		t.Error("the redirect was followed")
	}
}

// A provider that doesn't answer holds nobody longer than the request may last.
func TestSlowProvider(t *testing.T) {
	for _, address := range []string{"idp.example/token", "idp.example/userinfo", "idp.example/jwks"} {
		t.Run(address, func(t *testing.T) {
			p := newProvider(t)
			r := p.connect("oidc", backChannel(nil))
			_, pending := p.begin(r, AuthRequest{})
			p.grant(pending.Nonce, nil)
			p.json("idp.example/userinfo", map[string]any{"sub": "person-1"})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			release := make(chan struct{})
			defer close(release)
			p.on(address, func(http.ResponseWriter, *http.Request) {
				cancel() // the request's time is over while the provider still thinks
				<-release
			})
			_, err := r.Finish(ctx, callback(pending, "code", "c1"))
			if code(err) != "access_denied" || !strings.Contains(err.Error(), context.Canceled.Error()) {
				t.Errorf("%v", err)
			}
		})
	}
}
