package attacks_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// grace is an honest person of the identity provider.
func grace() blackbox.Person {
	return blackbox.Person{Claims: map[string]any{"sub": "grace", "email": "grace@example.com", "email_verified": true, "name": "Grace"}}
}

// stopAtCallback logs in at the identity provider and returns the callback's address without opening it.
func stopAtCallback(t *testing.T, b *bench, browser *blackbox.Browser, p blackbox.Person) (blackbox.Flow, string) {
	t.Helper()
	browser.Apps = append(browser.Apps, b.BaseURL+"/login/callback")
	flow, page := b.throughUp(t, browser, "up", p)
	browser.Apps = browser.Apps[:len(browser.Apps)-1]
	if !page.App {
		t.Fatalf("no callback: %d %s", page.Status, page.URL)
	}
	return flow, page.URL.String()
}

func TestC31_ForeignCallback(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	attacker, victim := b.browser(t), b.browser(t)
	flow, callback := stopAtCallback(t, b, attacker, grace())
	refusesPage(t, victim.Open(callback))
	// A victim with a log-in of their own under way is no better target.
	victim.Open(b.spa.Authorize(nil).URL)
	refusesPage(t, victim.Open(callback))
	if page := victim.Open(b.spa.Authorize(url.Values{"prompt": {"none"}}).URL); page.Param("error") != "login_required" {
		t.Errorf("the victim has a session: %s", page.URL)
	}
	// The refusals cost the one who began nothing.
	page := attacker.Open(callback)
	if page.Param("code") == "" || page.Param("state") != flow.State {
		t.Errorf("the log-in's own browser ends at %s", page.URL)
	}
}

func TestC32_StatesWorkOnceAndCannotBeGuessed(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	_, callback := stopAtCallback(t, b, browser, grace())
	if page := browser.Open(callback); page.Param("code") == "" {
		t.Fatalf("no log-in: %s", page.URL)
	}
	refusesPage(t, browser.Open(callback))
	for _, state := range []string{"", "1", "null", "../../x", "' OR 1=1 --", strings.Repeat("a", 43), strings.Repeat("a", 5000), "\x00"} {
		refusesPage(t, browser.Open(b.BaseURL+"/login/callback?code=x&state="+url.QueryEscape(state)))
	}
	for range 300 {
		if page := browser.Step(http.MethodGet, b.BaseURL+"/login/callback?code=x&state="+blackbox.Random(), nil); page.Status != http.StatusBadRequest {
			t.Fatalf("a guessed state got %d", page.Status)
		}
	}
	refusesPage(t, browser.Open(callback+"&state=twice"))

	_, late := stopAtCallback(t, b, b.browser(t), grace())
	b.Advance(23 * time.Hour)
	refusesPage(t, browser.Open(late))
}

func TestC34_StolenIntermediateSteps(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	victim, thief := b.browser(t), b.browser(t)
	login := victim.Open(b.spa.Authorize(nil).URL)
	state := login.URL.Query().Get("state")
	thief.Open(b.spa.Authorize(nil).URL)
	steps := []string{"/authorize/resume", "/u/login", "/u/signup", "/u/consent", "/u/provider"}
	poll := func(when string) {
		for _, step := range steps {
			for _, browser := range []*blackbox.Browser{thief, b.browser(t)} {
				page := browser.Open(b.BaseURL + step + "?connection=up&state=" + state)
				if page.App || page.Status != http.StatusBadRequest {
					t.Errorf("%s %s: the thief is at %d %s", step, when, page.Status, page.URL)
				}
			}
		}
	}
	poll("before the log-in")
	// The victim's log-in is stopped one step before its end.
	values := login.Forms[0].Values
	values.Set("username", "ada@example.com")
	values.Set("password", password)
	step := victim.Step(http.MethodPost, login.Forms[0].Action, values)
	if got := step.Header.Get("Location"); step.Status != http.StatusSeeOther || !strings.HasPrefix(got, "/authorize/resume") {
		t.Fatalf("after the password: %d %s", step.Status, got)
	}
	poll("after the password")
	if page := victim.Open(b.BaseURL + "/authorize/resume?state=" + state); page.Param("code") == "" {
		t.Errorf("the victim ends at %s", page.URL)
	}
	refusesPage(t, victim.Open(b.BaseURL+"/authorize/resume?state="+state))
}

// badTokens are ID tokens that must not log anybody in.
func badTokens(t *testing.T, b *bench) map[string]blackbox.Person {
	t.Helper()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&b.up.Key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	hs256 := func(key []byte) func([]byte) []byte {
		return func(input []byte) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
	signed := func(header map[string]any, sign func([]byte) []byte) blackbox.Person {
		p := grace()
		p.IDToken = func(claims map[string]any) string { return blackbox.JWT(t, header, claims, sign) }
		return p
	}
	claims := func(changes map[string]any) blackbox.Person {
		p := grace()
		for name, value := range changes {
			p.Claims[name] = value
		}
		return p
	}
	now := b.Now().Unix()
	fake := &blackbox.Upstream{Key: other}
	cases := map[string]blackbox.Person{
		"C35 alg none":                    signed(map[string]any{"alg": "none"}, nil),
		"C35 alg None":                    signed(map[string]any{"alg": "None"}, nil),
		"C35 no alg":                      signed(map[string]any{"typ": "JWT"}, b.up.RS256),
		"C35 HS256 with the public key":   signed(map[string]any{"alg": "HS256", "kid": b.up.Kid}, hs256(public)),
		"C35 HS256 with the secret":       signed(map[string]any{"alg": "HS256"}, hs256([]byte(upSecret))),
		"C35 ES256 over the RSA key":      signed(map[string]any{"alg": "ES256", "kid": b.up.Kid}, b.up.RS256),
		"C35 other key under our kid":     signed(map[string]any{"alg": "RS256", "kid": b.up.Kid}, fake.RS256),
		"C35 no token":                    signed(nil, func([]byte) []byte { return nil }),
		"C36 iss with a slash":            claims(map[string]any{"iss": issuerUp + "/"}),
		"C36 iss of the other":            claims(map[string]any{"iss": "https://idp2.test"}),
		"C36 no iss":                      claims(map[string]any{"iss": nil}),
		"C36 other aud":                   claims(map[string]any{"aud": "up2-client"}),
		"C36 aud without us":              claims(map[string]any{"aud": []string{"a", "b"}}),
		"C36 several aud, no azp":         claims(map[string]any{"aud": []string{"up-client", "b"}}),
		"C36 other azp":                   claims(map[string]any{"aud": []string{"up-client", "b"}, "azp": "b"}),
		"C36 no aud":                      claims(map[string]any{"aud": nil}),
		"C37 expired":                     claims(map[string]any{"exp": now - 120}),
		"C37 no exp":                      claims(map[string]any{"exp": nil}),
		"C37 issued in ten minutes":       claims(map[string]any{"iat": now + 600}),
		"C37 valid in ten minutes":        claims(map[string]any{"nbf": now + 600}),
		"C37 exp as text":                 claims(map[string]any{"exp": fmt.Sprint(now + 600)}),
		"C38 no nonce":                    claims(map[string]any{"nonce": nil}),
		"C38 empty nonce":                 claims(map[string]any{"nonce": ""}),
		"C38 other nonce":                 claims(map[string]any{"nonce": blackbox.Random()}),
		"C40 jwk in the header":           signed(map[string]any{"alg": "RS256", "jwk": blackbox.JWK(&other.PublicKey, "x")}, fake.RS256),
		"C40 jku in the header":           signed(map[string]any{"alg": "RS256", "kid": "x", "jku": "https://evil.test/jwks"}, fake.RS256),
		"C40 x5u in the header":           signed(map[string]any{"alg": "RS256", "kid": "x", "x5u": "https://evil.test/cert"}, fake.RS256),
		"C40 kid that is a path":          signed(map[string]any{"alg": "RS256", "kid": "../../dev/null"}, b.up.RS256),
		"userinfo about somebody else":    {Claims: grace().Claims, Userinfo: map[string]any{"sub": "ada", "email": "ada@example.com"}},
		"no sub":                          claims(map[string]any{"sub": nil}),
		"sub that is a number":            claims(map[string]any{"sub": 1}),
		"claims in other letters as well": claims(map[string]any{"SUB": "ada"}),
	}
	return cases
}

func TestC35C36C37C38C40_BadIDTokens(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for name, person := range badTokens(t, b) {
		browser := b.browser(t)
		flow, page := b.throughUp(t, browser, "up", person)
		if !page.App || page.Param("code") != "" || page.Param("error") == "" || page.Param("state") != flow.State {
			t.Errorf("%s: the browser is at %d %s", name, page.Status, page.URL)
		}
		if silent := browser.Open(b.spa.Authorize(url.Values{"prompt": {"none"}}).URL); silent.Param("error") != "login_required" {
			t.Errorf("%s: there is a session: %s", name, silent.URL)
		}
	}
	for _, request := range b.up.Requests() {
		if strings.Contains(request, "evil.test") {
			t.Errorf("the server fetched %s", request)
		}
	}
	if honest := grace(); b.loggedInName(t, honest) != "Grace" {
		t.Error("an honest token is refused")
	}
}

// loggedInName does a whole log-in through up and returns the name that userinfo gives.
func (b *bench) loggedInName(t *testing.T, p blackbox.Person) string {
	t.Helper()
	flow, page := b.throughUp(t, b.browser(t), "up", p)
	tokens := b.spa.Exchange(flow, page.Param("code"), nil)
	b.keepTokens(tokens)
	return b.Userinfo(t, tokens.Text("access_token")).Text("name")
}

func TestC37_ClocksMayDifferALittle(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	now := b.Now().Unix()
	for name, changes := range map[string]map[string]any{
		"ended just now": {"exp": now - 30}, "issued in a moment": {"iat": now + 30}, "valid in a moment": {"nbf": now + 30},
	} {
		p := grace()
		for claim, value := range changes {
			p.Claims[claim] = value
		}
		if b.loggedInName(t, p) != "Grace" {
			t.Errorf("%s: refused", name)
		}
	}
}

func TestC38_TokenOfAnEarlierLogIn(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	var earlier string
	p := grace()
	p.IDToken = func(claims map[string]any) string { earlier = b.up.Sign(claims); return earlier }
	if b.loggedInName(t, p) != "Grace" {
		t.Fatal("no first log-in")
	}
	p.IDToken = func(map[string]any) string { return earlier }
	flow, page := b.throughUp(t, b.browser(t), "up", p)
	appError(t, page, flow, "access_denied")
}

func TestC40_KeySets(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	if b.loggedInName(t, grace()) != "Grace" {
		t.Fatal("no log-in")
	}
	before := b.up.Count("GET idp.test/jwks")
	unknown := grace()
	unknown.IDToken = func(claims map[string]any) string {
		return b.up.JWT(map[string]any{"alg": "RS256", "kid": "unknown"}, claims, b.up.RS256)
	}
	for range 5 {
		flow, page := b.throughUp(t, b.browser(t), "up", unknown)
		appError(t, page, flow, "access_denied")
	}
	if fetched := b.up.Count("GET idp.test/jwks") - before; fetched > 1 {
		t.Errorf("an unknown kid made the server fetch the keys %d times", fetched)
	}
	if b.loggedInName(t, grace()) != "Grace" {
		t.Error("unknown kids locked honest people out")
	}
}

func TestC40_TwoKeysOfOneKid(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	b.up.Handle("idp.test/jwks", func(w http.ResponseWriter, _ *http.Request) {
		blackbox.WriteJSON(w, map[string]any{"keys": []any{blackbox.JWK(&other.PublicKey, b.up.Kid), blackbox.JWK(&b.up.Key.PublicKey, b.up.Kid)}})
	})
	// Either answer is safe as long as only listed keys count; nobody gets in by a third key.
	third := &blackbox.Upstream{Key: mustKey(t)}
	p := grace()
	p.IDToken = func(claims map[string]any) string {
		return blackbox.JWT(t, map[string]any{"alg": "RS256", "kid": b.up.Kid}, claims, third.RS256)
	}
	flow, page := b.throughUp(t, b.browser(t), "up", p)
	appError(t, page, flow, "access_denied")
}

func mustKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestC41 is about providers whose discovery document can't be believed.
func TestC41_BadDiscovery(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for name, change := range map[string]func(document map[string]any){
		"other issuer":       func(d map[string]any) { d["issuer"] = "https://evil.test" },
		"no issuer":          func(d map[string]any) { delete(d, "issuer") },
		"http token address": func(d map[string]any) { d["token_endpoint"] = "http://idp2.test/token" },
		"http keys":          func(d map[string]any) { d["jwks_uri"] = "http://idp2.test/jwks" },
		"http authorize":     func(d map[string]any) { d["authorization_endpoint"] = "http://idp2.test/authorize" },
		"script authorize":   func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"keys of a file":     func(d map[string]any) { d["jwks_uri"] = "file:///etc/passwd" },
	} {
		b.up.Handle("idp2.test/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
			document := b.up.Discovery("idp2.test")
			change(document)
			blackbox.WriteJSON(w, document)
		})
		flow, page := b.throughUp(t, b.browser(t), "up2", grace())
		if !page.App || page.Param("error") != "access_denied" || page.Param("state") != flow.State {
			t.Errorf("%s: the browser is at %d %s", name, page.Status, page.URL)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"redirect inside": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		},
		"metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"2 MB":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 2<<20)) },
		"500":     func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
	} {
		b.up.Handle("idp2.test/.well-known/openid-configuration", handler)
		flow, page := b.throughUp(t, b.browser(t), "up2", grace())
		if !page.App || page.Param("error") != "access_denied" || page.Param("state") != flow.State {
			t.Errorf("%s: the browser is at %d %s", name, page.Status, page.URL)
		}
	}
}

func TestC42_ErrorsOfTheProvider(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	const script = `<script>alert(1)</script>"'` + "\r\nX: y"
	for sent, want := range map[string]string{"access_denied": "access_denied", "login_required": "login_required", script: "access_denied"} {
		p := grace()
		p.Return = func(back url.Values) {
			back.Del("code")
			back.Set("error", sent)
			back.Set("error_description", script)
		}
		flow, page := b.throughUp(t, b.browser(t), "up", p)
		appError(t, page, flow, want)
		if location := page.Header.Get("Location"); strings.ContainsAny(location, "<>\"\r\n") {
			t.Errorf("Location is not escaped: %q", location)
		}
	}
	// In answers that are pages the words stand as text.
	for _, mode := range []string{"form_post", "web_message"} {
		p := grace()
		p.Return = func(back url.Values) {
			back.Del("code")
			back.Set("error", "access_denied")
			back.Set("error_description", script)
		}
		name := blackbox.Random()
		b.up.Register(name, p)
		page := b.browser(t).Open(b.spa.Authorize(url.Values{"connection": {"up"}, "login_hint": {name}, "response_mode": {mode}}).URL)
		if page.Status != http.StatusOK || strings.Contains(page.Body, "<script>alert") || !strings.Contains(page.Body, "access_denied") {
			t.Errorf("%s: %d\n%s", mode, page.Status, page.Body)
		}
	}
}

func TestC43_ConnectionTakenAwayMidLogIn(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	tokens, kept := b.tokensThroughUp(t)
	flow, callback := stopAtCallback(t, b, browser, grace())
	file := b.WriteFile("change.yaml", "clients: []\nconnections:\n  - {name: up, strategy: oidc, enabled_clients: [web]}\n")
	b.Run("tenant", "apply", file)
	blackbox.Eventually(t, 30*time.Second, "the change arrives", func() bool {
		return b.Userinfo(t, tokens.Text("access_token")).Status == http.StatusUnauthorized
	})
	page := browser.Open(callback)
	appError(t, page, flow, "invalid_request")
	invalidGrant(t, b.spa.Refresh(tokens.Text("refresh_token"), nil))
	if page := kept.Open(b.spa.Authorize(url.Values{"prompt": {"none"}}).URL); page.Param("error") != "login_required" {
		t.Errorf("the session of the connection still serves: %s", page.URL)
	}
}

func (b *bench) tokensThroughUp(t *testing.T) (blackbox.Answer, *blackbox.Browser) {
	t.Helper()
	browser := b.browser(t)
	flow, page := b.throughUp(t, browser, "up", grace())
	tokens := b.spa.Exchange(flow, page.Param("code"), nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	b.keepTokens(tokens)
	return tokens, browser
}

func TestC44_ConnectionOfOtherClients(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	lenient := blackbox.NewApp(t, b.Server, "lenient", "", "https://lenient.test/cb")
	flow := lenient.Authorize(url.Values{"connection": {"up"}})
	appError(t, b.browser(t).Open(flow.URL), flow, "invalid_request")
	flow = lenient.Authorize(url.Values{"connection": {"nowhere"}})
	appError(t, b.browser(t).Open(flow.URL), flow, "invalid_request")

	// Nor by the button's address, which the page doesn't show.
	flow = lenient.Authorize(nil)
	browser := b.browser(t)
	page := browser.Open(flow.URL)
	if page.Link("Continue with") != "" {
		t.Error("the page offers a connection of others")
	}
	page = browser.Open(b.BaseURL + "/u/provider?connection=up&state=" + page.URL.Query().Get("state"))
	appError(t, page, flow, "invalid_request")

	// A session that came through a connection serves only clients that have it.
	_, known := b.tokensThroughUp(t)
	silent := lenient.Authorize(url.Values{"prompt": {"none"}})
	appError(t, known.Open(silent.URL), silent, "login_required")
	if count := b.up.Count("GET idp.test/authorize"); count != 1 {
		t.Errorf("the provider was visited %d times, want 1", count)
	}
}

func TestC45_IdentityInTheCallbackIsIgnored(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	p := grace()
	p.Return = func(back url.Values) {
		back.Set("sub", "ada")
		back.Set("email", "ada@example.com")
		back.Set("id_token", blackbox.JWT(t, map[string]any{"alg": "none"}, map[string]any{"sub": "ada"}, nil))
		back.Set("connection", "db")
	}
	flow, page := b.throughUp(t, b.browser(t), "up", p)
	tokens := b.spa.Exchange(flow, page.Param("code"), nil)
	b.keepTokens(tokens)
	who := b.Userinfo(t, tokens.Text("access_token"))
	if who.Text("email") != "grace@example.com" || !strings.HasSuffix(who.Text("sub"), "|grace") {
		t.Errorf("logged in as %v", who.JSON)
	}
}
