package dev_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

const verifier = "a-verifier-that-is-long-enough-for-the-specification"

func authorizeQuery(w *world, pairs ...string) url.Values {
	digest := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {"c1"}, "redirect_uri": {w.url + "login/callback"}, "response_type": {"code"}, "state": {"s1"}, "nonce": {"n1"},
		"scope": {"openid profile email"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(digest[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		q.Del(pairs[i])
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// choose posts the page of a provider and returns the parameters that the browser is sent back with.
func choose(t *testing.T, w *world, address string, form url.Values) url.Values {
	t.Helper()
	resp, body := send(t, w.browser, "POST", simulated(w.url, address), strings.NewReader(form.Encode()), "Content-Type", formType, "Sec-Fetch-Site", "same-origin")
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %v: %s", resp.StatusCode, err, body)
	}
	if got := back.Scheme + "://" + back.Host + back.Path; got != w.url+"login/callback" {
		t.Fatalf("sent to %s", got)
	}
	return back.Query()
}

func config(w *world, endpoint oauth2.Endpoint) oauth2.Config {
	return oauth2.Config{
		ClientID: "c1", ClientSecret: "any secret", Endpoint: endpoint, RedirectURL: w.url + "login/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

func TestLogInAtOpenIDProviders(t *testing.T) {
	tests := []struct {
		issuer, person, subject string
		userinfo                string
	}{
		{
			"https://accounts.google.com", "ada", "108200000000000374519",
			`{"email":"ada.byron@example.com","email_verified":true,"family_name":"Byron","given_name":"Ada","hd":"example.com","locale":"en","name":"Ada Byron","picture":"https://lh3.googleusercontent.com/a/ada=s96-c","sub":"108200000000000374519"}`,
		},
		{
			"https://acme.idp.example", "textual", "90071992547409931",
			`{"email":"number@acme.example","email_verified":"true","employee_number":90071992547409931,"name":"Number Seven","sub":"90071992547409931"}`,
		},
		{
			"https://any.host.example/with/path", "bjork", "00u2bjork",
			`{"department":"Sales","email":"bjork@acme.example","email_verified":false,"family_name":"Guðmundsdóttir","given_name":"Björk","locale":"is-IS","name":"Björk Guðmundsdóttir","sub":"00u2bjork"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.issuer, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, w.server)
			provider, err := oidc.NewProvider(ctx, test.issuer)
			if err != nil {
				t.Fatal(err)
			}
			conf := config(w, provider.Endpoint())
			back := choose(t, w, conf.AuthCodeURL("s1", oidc.Nonce("n1"), oauth2.S256ChallengeOption(verifier)), url.Values{"person": {test.person}})
			if back.Get("state") != "s1" {
				t.Errorf("state %q", back.Get("state"))
			}
			token, err := conf.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			check := provider.VerifierContext(ctx, &oidc.Config{ClientID: "c1", Now: w.clock.Now})
			raw, _ := token.Extra("id_token").(string)
			idToken, err := check.Verify(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			if idToken.Subject != test.subject || idToken.Nonce != "n1" || !idToken.IssuedAt.Equal(start) || !idToken.Expiry.Equal(start.Add(time.Hour)) {
				t.Errorf("ID token %+v", idToken)
			}
			if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
				t.Error(err)
			}
			resp, body := send(t, w.server, "GET", provider.UserInfoEndpoint(), nil, "Authorization", "Bearer "+token.AccessToken)
			if diff := cmp.Diff(test.userinfo, strings.TrimSpace(body)); resp.StatusCode != 200 || diff != "" {
				t.Errorf("%d %s", resp.StatusCode, diff)
			}
			if _, err := conf.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
				t.Error("the code is good twice")
			}
			if err := w.clock.Advance(2 * time.Hour); err != nil {
				t.Fatal(err)
			}
			if _, err := check.Verify(ctx, raw); err == nil {
				t.Error("the ID token never expires")
			}
			if resp, _ := send(t, w.server, "GET", provider.UserInfoEndpoint(), nil, "Authorization", "Bearer "+token.AccessToken); resp.StatusCode != 401 {
				t.Errorf("expired access token: %d", resp.StatusCode)
			}
		})
	}
}

func TestConfiguredAddressesAreTheProviders(t *testing.T) {
	w := newWorld(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, w.server)
	provider := (&oidc.ProviderConfig{
		IssuerURL: "https://odd.example/tenant/", AuthURL: "https://login.odd.example/begin", TokenURL: "https://api.odd.example/exchange",
		UserInfoURL: "https://api.odd.example/me", JWKSURL: "https://odd.example/k",
	}).NewProvider(ctx)
	conf := config(w, provider.Endpoint())
	back := choose(t, w, conf.AuthCodeURL("s1"), url.Values{"claims": {`{"sub":"x1","email":"x@odd.example"}`}})
	token, err := conf.Exchange(ctx, back.Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if _, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: "c1", Now: w.clock.Now}).Verify(ctx, raw); err != nil {
		t.Error(err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != "x1" {
		t.Errorf("%+v %v", info, err)
	}
}

func TestLogInAtGitHub(t *testing.T) {
	w := newWorld(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, w.server)
	conf := config(w, oauth2.Endpoint{AuthURL: "https://github.com/login/oauth/authorize", TokenURL: "https://github.com/login/oauth/access_token"})
	conf.Scopes = []string{"read:user", "user:email"}
	back := choose(t, w, conf.AuthCodeURL("s1"), url.Values{"person": {"noemail"}})
	token, err := conf.Exchange(ctx, back.Get("code")) // form encoded, as x/oauth2 doesn't ask for JSON
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(token.Extra("scope"), " ", token.TokenType); got != "read:user,user:email bearer" {
		t.Errorf("scope and type: %s", got)
	}
	_, body := send(t, w.server, "GET", "https://api.github.com/user", nil, "Authorization", "token "+token.AccessToken)
	if !strings.Contains(body, `"id":9007199254740993`) {
		t.Errorf("the id lost digits: %s", body)
	}
	if _, body := send(t, w.server, "GET", "https://api.github.com/user/emails", nil, "Authorization", "Bearer "+token.AccessToken); strings.TrimSpace(body) != "[]" {
		t.Errorf("e-mails: %s", body)
	}
}

// accessToken logs in at GitHub with claims and returns an access token, asking for JSON.
func accessToken(t *testing.T, w *world, scope, claims string) string {
	t.Helper()
	q := authorizeQuery(w, "scope", scope, "nonce", "", "response_type", "")
	back := choose(t, w, "https://github.com/login/oauth/authorize?"+q.Encode(), url.Values{"claims": {claims}})
	form := url.Values{"client_id": {"c1"}, "client_secret": {"x"}, "code": back["code"], "code_verifier": {verifier}, "redirect_uri": q["redirect_uri"]}
	_, body := send(t, w.server, "POST", "https://github.com/login/oauth/access_token", strings.NewReader(form.Encode()), "Content-Type", formType, "Accept", "application/json")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("%v: %s", err, body)
	}
	return answer.AccessToken
}

func TestGitHubListsPages(t *testing.T) {
	w := newWorld(t)
	token := accessToken(t, w, "user:email", `{"userinfo":{"login":"many","id":7},"extra":{"GET https://api.github.com/user/emails":[{"email":"a@x.test"},{"email":"b@x.test"},{"email":"c@x.test"}]}}`)
	tests := []struct{ query, body, link string }{
		{"", `[{"email":"a@x.test"},{"email":"b@x.test"},{"email":"c@x.test"}]`, ""},
		{"?per_page=2", `[{"email":"a@x.test"},{"email":"b@x.test"}]`, `<https://api.github.com/user/emails?page=2&per_page=2>; rel="next"`},
		{"?per_page=2&page=2", `[{"email":"c@x.test"}]`, ""},
		{"?per_page=2&page=3", `[]`, ""},
		{"?per_page=2&page=9223372036854775807", `[]`, ""},
		{"?per_page=-1&page=zero", `[{"email":"a@x.test"},{"email":"b@x.test"},{"email":"c@x.test"}]`, ""},
	}
	for _, test := range tests {
		resp, body := send(t, w.server, "GET", "https://api.github.com/user/emails"+test.query, nil, "Authorization", "Bearer "+token)
		if got := strings.TrimSpace(body); got != test.body || resp.Header.Get("Link") != test.link {
			t.Errorf("%s: %s, Link %q", test.query, got, resp.Header.Get("Link"))
		}
	}
	narrow := accessToken(t, w, "read:user", `{"login":"narrow","id":8}`)
	if resp, body := send(t, w.server, "GET", "https://api.github.com/user/emails", nil, "Authorization", "Bearer "+narrow); resp.StatusCode != 404 {
		t.Errorf("without user:email: %d %s", resp.StatusCode, body)
	}
	resp, body := send(t, w.server, "GET", "https://api.github.com/user", nil, "Authorization", "token wrong")
	want := `{"documentation_url":"https://docs.github.com/rest","message":"Bad credentials","status":"401"}`
	if resp.StatusCode != 401 || strings.TrimSpace(body) != want {
		t.Errorf("wrong token: %d %s", resp.StatusCode, body)
	}
	if resp, _ := send(t, w.server, "GET", "https://openidconnect.googleapis.com/v1/userinfo", nil, "Authorization", "Bearer "+token); resp.StatusCode != 401 {
		t.Errorf("token of another provider: %d", resp.StatusCode)
	}
}

func TestTokenEndpointsRefuse(t *testing.T) {
	providers := map[string]struct{ authorize, token string }{
		"google": {"https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"},
		"github": {"https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token"},
		"oidc":   {"https://acme.idp.example/authorize", "https://acme.idp.example/token"},
	}
	tests := []struct {
		name string
		form url.Values // instead of the right value; empty: left out
		want map[string]string
	}{
		{"wrong verifier", url.Values{"code_verifier": {"wrong"}}, map[string]string{"google": "400 invalid_grant", "github": "200 bad_verification_code", "oidc": "400 invalid_grant"}},
		{"no verifier", url.Values{"code_verifier": {""}}, map[string]string{"google": "400 invalid_grant", "github": "200 bad_verification_code", "oidc": "400 invalid_grant"}},
		{"wrong redirect_uri", url.Values{"redirect_uri": {"http://other/"}}, map[string]string{"google": "400 redirect_uri_mismatch", "github": "200 redirect_uri_mismatch", "oidc": "400 invalid_grant"}},
		{"unknown code", url.Values{"code": {"made-up"}}, map[string]string{"google": "400 invalid_grant", "github": "200 bad_verification_code", "oidc": "400 invalid_grant"}},
		{"another client", url.Values{"client_id": {"c2"}}, map[string]string{"google": "400 invalid_grant", "github": "200 bad_verification_code", "oidc": "400 invalid_grant"}},
		{"no secret", url.Values{"client_secret": {""}}, map[string]string{"google": "401 invalid_client", "github": "200 incorrect_client_credentials", "oidc": "401 invalid_client"}},
		{"grant type", url.Values{"grant_type": {"password"}}, map[string]string{"google": "400 unsupported_grant_type", "github": "200 unsupported_grant_type", "oidc": "400 unsupported_grant_type"}},
	}
	w := newWorld(t)
	for _, test := range tests {
		for name, p := range providers {
			t.Run(test.name+" at "+name, func(t *testing.T) {
				q := authorizeQuery(w)
				back := choose(t, w, p.authorize+"?"+q.Encode(), url.Values{"claims": {`{"sub":"x"}`}})
				form := url.Values{
					"grant_type": {"authorization_code"}, "client_id": {"c1"}, "client_secret": {"x"}, "code": back["code"],
					"code_verifier": {verifier}, "redirect_uri": q["redirect_uri"],
				}
				for key, value := range test.form {
					form[key] = value
				}
				resp, body := send(t, w.server, "POST", p.token, strings.NewReader(form.Encode()), "Content-Type", formType, "Accept", "application/json")
				var answer map[string]any
				if err := json.Unmarshal([]byte(body), &answer); err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(resp.StatusCode, " ", answer["error"]); got != test.want[name] || answer["access_token"] != nil {
					t.Errorf("%s: %s", got, body)
				}
			})
		}
	}
	t.Run("code of another provider", func(t *testing.T) {
		q := authorizeQuery(w)
		back := choose(t, w, "https://acme.idp.example/authorize?"+q.Encode(), url.Values{"person": {"grace"}})
		form := url.Values{
			"grant_type": {"authorization_code"}, "client_id": {"c1"}, "client_secret": {"x"}, "code": back["code"],
			"code_verifier": {verifier}, "redirect_uri": q["redirect_uri"],
		}
		if resp, body := send(t, w.server, "POST", "https://other.example/token", strings.NewReader(form.Encode()), "Content-Type", formType); resp.StatusCode != 400 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
	t.Run("expired code", func(t *testing.T) {
		q := authorizeQuery(w)
		back := choose(t, w, "https://acme.idp.example/authorize?"+q.Encode(), url.Values{"person": {"grace"}})
		if err := w.clock.Advance(11 * time.Minute); err != nil {
			t.Fatal(err)
		}
		form := url.Values{
			"grant_type": {"authorization_code"}, "client_id": {"c1"}, "client_secret": {"x"}, "code": back["code"],
			"code_verifier": {verifier}, "redirect_uri": q["redirect_uri"],
		}
		if resp, body := send(t, w.server, "POST", "https://acme.idp.example/token", strings.NewReader(form.Encode()), "Content-Type", formType); resp.StatusCode != 400 {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
	})
}

func TestAuthorizationAnswers(t *testing.T) {
	w := newWorld(t)
	ada := url.Values{"person": {"grace"}}
	tests := []struct {
		name    string
		query   url.Values
		form    url.Values
		want    url.Values
		address string
	}{
		{
			"cancelled", authorizeQuery(w),
			url.Values{"cancel": {"1"}},
			url.Values{"error": {"access_denied"}, "error_description": {"The resource owner denied the request"}, "state": {"s1"}},
			"",
		},
		{
			"cancelled at Google", authorizeQuery(w),
			url.Values{"cancel": {"1"}},
			url.Values{"error": {"access_denied"}, "state": {"s1"}},
			"https://accounts.google.com/o/oauth2/v2/auth",
		},
		{
			"cancelled at GitHub", authorizeQuery(w),
			url.Values{"cancel": {"1"}},
			url.Values{"error": {"access_denied"}, "error_description": {"The user has denied your application access."}, "state": {"s1"}},
			"https://github.com/login/oauth/authorize",
		},
		{
			"prompt none", authorizeQuery(w, "prompt", "none"), ada,
			url.Values{"error": {"login_required"}, "error_description": {"nobody is logged in at the simulated provider"}, "state": {"s1"}},
			"",
		},
		{
			"plain challenge", authorizeQuery(w, "code_challenge_method", "plain"), ada,
			url.Values{"error": {"invalid_request"}, "error_description": {"code_challenge_method must be S256"}, "state": {"s1"}},
			"",
		},
		{
			"short challenge", authorizeQuery(w, "code_challenge", "abc"), ada,
			url.Values{"error": {"invalid_request"}, "error_description": {"code_challenge is not a SHA-256 digest in base64url"}, "state": {"s1"}},
			"",
		},
		{
			"implicit", authorizeQuery(w, "response_type", "token"), ada,
			url.Values{"error": {"unsupported_response_type"}, "error_description": {"response_type must be code"}, "state": {"s1"}},
			"",
		},
		{
			"state twice",
			url.Values{"state": {"a", "b"}, "client_id": {"c1"}, "redirect_uri": {w.url + "login/callback"}, "response_type": {"code"}},
			ada,
			url.Values{"error": {"invalid_request"}, "error_description": {"a parameter is given twice"}, "state": {"a"}},
			"",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := test.address
			if address == "" {
				address = "https://acme.idp.example/authorize"
			}
			if diff := cmp.Diff(test.want, choose(t, w, address+"?"+test.query.Encode(), test.form)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPageShowsWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name  string
		query url.Values
		form  url.Values
		says  string
	}{
		{"foreign redirect_uri", authorizeQuery(w, "redirect_uri", "https://evil.example/cb"), nil, "redirect_uri_mismatch"},
		{"no redirect_uri", authorizeQuery(w, "redirect_uri", ""), nil, "redirect_uri is missing"},
		{"redirect_uri with user", authorizeQuery(w, "redirect_uri", strings.Replace(w.url, "://", "://x@evil.example:", 1)), nil, "redirect_uri_mismatch"},
		{"no client", authorizeQuery(w, "client_id", ""), nil, "client_id is missing"},
		{"response_mode", authorizeQuery(w, "response_mode", "web_message"), nil, "response_mode must be"},
		{"nothing chosen", authorizeQuery(w), url.Values{}, "Choose a person"},
		{"nobody", authorizeQuery(w), url.Values{"person": {"<b>nobody"}}, "Nobody here is called &lt;b&gt;nobody"},
		{"no JSON", authorizeQuery(w), url.Values{"claims": {"<sub>"}}, "Claims: not JSON"},
		{"twice", authorizeQuery(w), url.Values{"claims": {`{"sub":"a","sub":"b"}`}}, "given twice"},
		{"unknown section", authorizeQuery(w), url.Values{"claims": {`{"userinfo":{},"claims":{}}`}}, "unknown section &#34;claims&#34;"},
		{"section of wrong kind", authorizeQuery(w), url.Values{"claims": {`{"userinfo":[]}`}}, "must be an object"},
		{"extra alone", authorizeQuery(w), url.Values{"claims": {`{"extra":{}}`}}, "is needed"},
		{"deep", authorizeQuery(w), url.Values{"claims": {`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`}}, "deeper than"},
		{"too long", authorizeQuery(w), url.Values{"claims": {strings.Repeat("x", 70_000)}}, "longer than 64 KiB"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := simulated(w.url, "https://acme.idp.example/authorize?"+test.query.Encode())
			resp, body := send(t, w.browser, "POST", address, strings.NewReader(test.form.Encode()), "Content-Type", formType)
			if resp.StatusCode != 400 || !strings.Contains(body, test.says) {
				t.Errorf("%d, want a page that says %q: %s", resp.StatusCode, test.says, body)
			}
		})
	}
}

func TestTypedClaimsSurviveAnError(t *testing.T) {
	w := newWorld(t)
	address := simulated(w.url, "https://acme.idp.example/authorize?"+authorizeQuery(w).Encode())
	_, body := send(t, w.browser, "POST", address, strings.NewReader(url.Values{"claims": {`{"sub": </textarea>`}}.Encode()), "Content-Type", formType)
	if !strings.Contains(body, "{&#34;sub&#34;: &lt;/textarea&gt;</textarea>") {
		t.Error(body)
	}
}

func TestFrontChannelFormPost(t *testing.T) {
	w := newWorld(t)
	q := authorizeQuery(w, "response_type", "id_token", "response_mode", "form_post", "code_challenge", "", "code_challenge_method", "")
	address := simulated(w.url, "https://acme.idp.example/authorize?"+q.Encode())
	resp, body := send(t, w.browser, "POST", address, strings.NewReader("person=grace"), "Content-Type", formType)
	for _, part := range []string{`action="` + w.url + `login/callback"`, `name="id_token" value="ey`, `name="state" value="s1"`, "assets/submit.js"} {
		if !strings.Contains(body, part) {
			t.Errorf("%d: no %s in %s", resp.StatusCode, part, body)
		}
	}
	resp, _ = send(t, w.browser, "POST", simulated(w.url, "https://acme.idp.example/authorize?"+authorizeQuery(w, "response_type", "id_token").Encode()), strings.NewReader("person=grace"), "Content-Type", formType)
	if at := resp.Header.Get("Location"); !strings.HasPrefix(at, w.url+"login/callback#id_token=ey") {
		t.Errorf("fragment: %s", at)
	}
}

func TestClaimsFollowTheScopes(t *testing.T) {
	w := newWorld(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, w.server)
	for scope, want := range map[string]string{
		"openid":               `{"groups":["g"],"sub":"x"}`,
		"openid email":         `{"email":"x@x.test","email_verified":true,"groups":["g"],"sub":"x"}`,
		"openid profile email": `{"email":"x@x.test","email_verified":true,"groups":["g"],"name":"X","sub":"x"}`,
	} {
		conf := config(w, oauth2.Endpoint{AuthURL: "https://acme.idp.example/authorize", TokenURL: "https://acme.idp.example/token"})
		conf.Scopes = strings.Fields(scope)
		claims := `{"id_token_claims":{"sub":"x","name":"X","email":"x@x.test","email_verified":true,"groups":["g"],"iss":"https://evil.example","nonce":"stale"}}`
		back := choose(t, w, conf.AuthCodeURL("s1"), url.Values{"claims": {claims}})
		token, err := conf.Exchange(ctx, back.Get("code"))
		if err != nil {
			t.Fatal(err)
		}
		_, body := send(t, w.server, "GET", "https://acme.idp.example/userinfo", nil, "Authorization", "Bearer "+token.AccessToken)
		if diff := cmp.Diff(want, strings.TrimSpace(body)); diff != "" {
			t.Errorf("%s: %s", scope, diff)
		}
	}
}

func TestOfflineAccessGivesARefreshToken(t *testing.T) {
	w := newWorld(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, w.server)
	conf := config(w, oauth2.Endpoint{AuthURL: "https://accounts.google.com/o/oauth2/v2/auth", TokenURL: "https://oauth2.googleapis.com/token"})
	back := choose(t, w, conf.AuthCodeURL("s1", oauth2.AccessTypeOffline), url.Values{"person": {"ada"}})
	token, err := conf.Exchange(ctx, back.Get("code"))
	if err != nil || token.RefreshToken == "" {
		t.Fatalf("%+v %v", token, err)
	}
	fresh, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || fresh.AccessToken == token.AccessToken {
		t.Fatalf("%+v %v", fresh, err)
	}
	if resp, _ := send(t, w.server, "POST", "https://openidconnect.googleapis.com/v1/userinfo", nil, "Authorization", "Bearer "+fresh.AccessToken); resp.StatusCode != 200 {
		t.Errorf("%d", resp.StatusCode)
	}
	if _, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: "made-up"}).Token(); err == nil {
		t.Error("a made-up refresh token is accepted")
	}
}

func TestMethodsAndUnknownAddresses(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		method, address string
		status          int
	}{
		{"GET", "https://oauth2.googleapis.com/token", 405},
		{"DELETE", "https://acme.idp.example/userinfo", 405},
		{"POST", "https://acme.idp.example/jwks", 405},
		{"GET", "https://acme.idp.example/nowhere", 401},
		{"GET", "https://www.googleapis.com/oauth2/v3/certs", 200},
		{"GET", "https://ACME.idp.example:443/jwks/", 200},
	} {
		if resp, body := send(t, w.server, test.method, test.address, nil); resp.StatusCode != test.status {
			t.Errorf("%s %s: %d %s", test.method, test.address, resp.StatusCode, body)
		}
	}
}

func TestListedAddressesAnswer(t *testing.T) {
	w := newWorld(t)
	token := accessToken(t, w, "read:user", `{"userinfo":{"id":1},"extra":{"GET https://www.api.example/teams":{"size":90071992547409931}}}`)
	for _, test := range []struct {
		address, authorization string
		status                 int
		body                   string
	}{
		{"https://api.example/teams", "Bearer " + token, 200, `{"size":90071992547409931}`},
		{"https://api.example/teams?access_token=" + token, "", 200, `{"size":90071992547409931}`},
		{"https://api.example/teams", "Basic " + token, 401, `{"error":"invalid_token","error_description":"The access token is unknown or expired"}`},
		{"https://api.example/other", "Bearer " + token, 404, `{"error":"not_found","error_description":"No such simulated resource"}`},
		{"https://acme.idp.example/userinfo", "Bearer " + token, 401, `{"error":"invalid_token","error_description":"The access token is unknown or expired"}`},
	} {
		resp, body := send(t, w.server, "GET", test.address, nil, "Authorization", test.authorization)
		if resp.StatusCode != test.status || strings.TrimSpace(body) != test.body {
			t.Errorf("%s %s: %d %s", test.address, test.authorization, resp.StatusCode, body)
		}
	}
}
