package attacks_test

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

func TestMain(m *testing.M) { os.Exit(blackbox.Main(m)) }

const (
	appURL   = "https://app.test/cb"
	webURL   = "https://web.test/cb"
	password = "Passw0rd-of-ada!"
	issuerUp = "https://idp.test"

	controlPassword = "Passw0rd-of-control!"
	evePassword     = "Passw0rd-of-eve!"
	webSecret       = "web-client-secret-web-client-secret-web-client-secret"
	web2Secret      = "web2-client-secret-web2-client-secret-web2-client-se"
	hsSecret        = "hs256-api-secret-hs256-api-secret"
	upSecret        = "upstream-client-secret"
	realmGrant      = "http://auth0.com/oauth/grant-type/password-realm"
)

// tenantFile is the tenant of all benches. Further clients and connections of single tests stand with their lines.
const tenantFile = `
tenant:
  friendly_name: Attacks
  default_directory: db
  allowed_logout_urls: ["https://tenant.test/out"]
clients:
  - {name: spa, client_id: spa, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["https://app.test/cb", "https://app.test/cb2"], web_origins: ["https://app.test"],
     allowed_logout_urls: ["https://app.test/out"], grant_types: [authorization_code, refresh_token],
     refresh_token: {rotation_type: rotating, expiration_type: expiring, leeway: 0, token_lifetime: 2592000, idle_token_lifetime: 1296000}}
  - {name: web, client_id: web, client_secret: ` + webSecret + `, app_type: regular_web,
     token_endpoint_auth_method: client_secret_post, is_first_party: true, oidc_conformant: true,
     callbacks: ["https://web.test/cb"], allowed_logout_urls: ["https://web.test/out"],
     grant_types: [authorization_code, refresh_token, password, "http://auth0.com/oauth/grant-type/password-realm"]}
  - {name: lenient, client_id: lenient, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["https://lenient.test/cb"], grant_types: [authorization_code, refresh_token],
     refresh_token: {rotation_type: rotating, expiration_type: expiring, leeway: 30, token_lifetime: 86400, idle_token_lifetime: 3600}}
  - {name: third, client_id: third, client_secret: ` + web2Secret + `, app_type: regular_web,
     token_endpoint_auth_method: client_secret_post, is_first_party: false, oidc_conformant: true,
     callbacks: ["https://third.test/cb"], grant_types: [authorization_code, refresh_token]}
  - {name: plain, client_id: plain, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     allow_plain_pkce: true, callbacks: ["https://plain.test/cb"], grant_types: [authorization_code]}
  - {name: dotted, client_id: dotted, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["https://a.b.test/cb", "https://*.wild.test/cb", "http://127.0.0.1/cb"], grant_types: [authorization_code]}
  - {name: other, client_id: other, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["https://other.test/cb"], grant_types: [authorization_code]}
resourceServers:
  - {name: api, identifier: "https://api.test", signing_alg: RS256, allow_offline_access: true, scopes: [{value: "read:things"}, {value: "write:things"}]}
  - {name: es, identifier: "https://es.test", signing_alg: ES256, scopes: [{value: "read:things"}]}
  - {name: ps, identifier: "https://ps.test", signing_alg: PS256, scopes: [{value: "read:things"}]}
  - {name: hs, identifier: "https://hs.test", signing_alg: HS256, signing_secret: ` + hsSecret + `, scopes: [{value: "read:things"}]}
clientGrants:
  - {client_id: third, audience: "https://api.test", scope: ["read:things"]}
databases:
  - {name: db, strategy: auth0, enabled_clients: [spa, web, lenient, third, plain, dotted], options: {passwordPolicy: low}}
connections:
  - name: up
    strategy: oidc
    enabled_clients: [spa, web, third]
    options: {type: back_channel, client_id: up-client, client_secret: ` + upSecret + `, issuer: "https://idp.test", scope: openid profile email}
  - name: up2
    strategy: oidc
    enabled_clients: [spa, web]
    options: {type: back_channel, client_id: up2-client, client_secret: ` + upSecret + `, issuer: "https://idp2.test", scope: openid profile email}
users:
  - {connection: db, email: control@example.com, email_verified: true, password: "` + controlPassword + `", name: Control}
  - {connection: db, email: eve@example.com, email_verified: true, password: "` + evePassword + `", name: Eve}
  - {connection: db, email: ada@example.com, email_verified: true, password: "` + password + `", name: Ada, given_name: Ada,
     user_metadata: {hobby: engines}, app_metadata: {plan: gold}}
`

// bench is a running product with its apps, three people (ada; eve, who may be the attacker; control, who does nothing) and an identity provider that says whatever the test wants.
type bench struct {
	*blackbox.Server
	up       *blackbox.Upstream
	spa, web *blackbox.App

	controlToken, control string
	secrets               map[string]bool
	browsers              []*blackbox.Browser
}

type benchOptions struct {
	tenant string // instead of tenantFile
	tls    bool
}

func start(t *testing.T, o benchOptions) *bench {
	t.Helper()
	if o.tenant == "" {
		o.tenant = tenantFile
	}
	up := blackbox.NewUpstream(t)
	s := blackbox.Start(t, blackbox.Options{Tenant: o.tenant, Upstream: up.URL, TLS: o.tls})
	up.Now = s.Now
	b := &bench{
		Server: s, up: up, secrets: map[string]bool{},
		spa: blackbox.NewApp(t, s, "spa", "", appURL), web: blackbox.NewApp(t, s, "web", webSecret, webURL),
	}
	b.keepSecret(password, controlPassword, evePassword, webSecret, web2Secret, hsSecret, upSecret)
	tokens := b.passwordTokens(t, "control@example.com", controlPassword)
	b.controlToken = tokens.Text("access_token")
	b.control = s.Userinfo(t, b.controlToken).Body
	if !strings.Contains(b.control, "control@example.com") {
		t.Fatalf("the control person's userinfo is %q", b.control)
	}
	t.Cleanup(func() { b.holds(t) })
	return b
}

// keepSecret adds values that must not stand in the log.
func (b *bench) keepSecret(values ...string) {
	for _, value := range values {
		if len(value) >= 12 {
			b.secrets[value] = true
		}
	}
}

func (b *bench) keepTokens(a blackbox.Answer) {
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		b.keepSecret(a.Text(name))
	}
}

var serverFault = regexp.MustCompile(`status=5\d\d|handler panicked|goroutine \d+ \[`)

// holds checks the invariants. It runs after every test, and after the cases of a test where it is called.
func (b *bench) holds(t *testing.T) {
	t.Helper()
	if !b.Alive() {
		t.Fatal("the process is dead")
	}
	logs := b.Logs()
	if at := serverFault.FindStringIndex(logs); at != nil {
		t.Errorf("the log tells of a fault of the server: %s", around(logs, at[0]))
	}
	for _, browser := range b.browsers {
		for _, set := range browser.SetCookies() {
			if !strings.HasSuffix(set.Cookie.Name, "_last") {
				b.keepSecret(set.Cookie.Value)
			}
		}
	}
	for secret := range b.secrets {
		if at := strings.Index(logs, secret); at >= 0 {
			t.Errorf("a secret stands in the log: %s", around(logs, at))
		}
	}
	if now := b.Userinfo(t, b.controlToken); now.Body != b.control {
		t.Errorf("the control person's userinfo changed from %s to %d %s", b.control, now.Status, now.Body)
	}
}

func around(text string, at int) string {
	return text[max(0, at-200):min(len(text), at+300)]
}

// browser returns a new browser that stops at every app of the tenant.
func (b *bench) browser(t *testing.T) *blackbox.Browser {
	browser := blackbox.NewBrowser(t, b.Server, "https://app.test/", "https://web.test/", "https://lenient.test/",
		"https://third.test/", "https://plain.test/", "https://a.b.test/", "https://other.test/", "https://tenant.test/")
	b.browsers = append(b.browsers, browser)
	return browser
}

// signIn types ada's password at the log-in page that the flow leads to.
func (b *bench) signIn(t *testing.T, browser *blackbox.Browser, flow blackbox.Flow) *blackbox.Page {
	t.Helper()
	return b.signInAs(t, browser, flow, "ada@example.com", password)
}

func (b *bench) signInAs(t *testing.T, browser *blackbox.Browser, flow blackbox.Flow, who, secret string) *blackbox.Page {
	t.Helper()
	page := browser.Open(flow.URL)
	if page.App || page.Status != http.StatusOK {
		t.Fatalf("want the log-in page, got %d %s", page.Status, page.URL)
	}
	page = browser.Submit(page, url.Values{"username": {who}, "password": {secret}})
	b.keepSecret(page.Param("code"))
	return page
}

// passwordTokens logs somebody in by the password grant of web.
func (b *bench) passwordTokens(t *testing.T, who, secret string) blackbox.Answer {
	t.Helper()
	tokens := b.web.Token(url.Values{
		"grant_type": {realmGrant}, "realm": {"db"}, "username": {who}, "password": {secret}, "scope": {"openid profile email offline_access"},
	}, nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	b.keepTokens(tokens)
	return tokens
}

// tokens does a whole log-in of ada in a new browser.
func (b *bench) tokens(t *testing.T, app *blackbox.App, changes url.Values) blackbox.Answer {
	t.Helper()
	flow := app.Authorize(changes)
	page := b.signIn(t, b.browser(t), flow)
	if page.Param("code") == "" {
		t.Fatalf("no code at %s", page.URL)
	}
	tokens := app.Exchange(flow, page.Param("code"), nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	b.keepTokens(tokens)
	return tokens
}

// throughUp logs somebody in at an identity provider and returns where the browser ends.
func (b *bench) throughUp(t *testing.T, browser *blackbox.Browser, connection string, p blackbox.Person) (blackbox.Flow, *blackbox.Page) {
	t.Helper()
	name := blackbox.Random()
	b.up.Register(name, p)
	flow := b.spa.Authorize(url.Values{"connection": {connection}, "login_hint": {name}})
	page := browser.Open(flow.URL)
	b.keepSecret(page.Param("code"))
	return flow, page
}

// refusesPage checks for an error on our own address that leads nowhere.
func refusesPage(t *testing.T, page *blackbox.Page) {
	t.Helper()
	if page.App || page.Status < 400 || page.Status > 499 || page.Header.Get("Location") != "" {
		t.Errorf("want a refusal on our own page, got %d at %s, Location %q", page.Status, page.URL, page.Header.Get("Location"))
	}
	if strings.Contains(page.Body, "code=") {
		t.Error("the page has a code")
	}
}

// invalidGrant checks for {"error":"invalid_grant"}.
func invalidGrant(t *testing.T, a blackbox.Answer) {
	t.Helper()
	if a.Status != http.StatusForbidden || a.Text("error") != "invalid_grant" {
		t.Errorf("want 403 invalid_grant, got %d %s", a.Status, a.Body)
	}
}

// appError checks for an error that the app gets, with its state.
func appError(t *testing.T, page *blackbox.Page, flow blackbox.Flow, want string) {
	t.Helper()
	if !page.App || page.Param("error") != want || page.Param("code") != "" || page.Param("state") != flow.State {
		t.Errorf("want the app to get %q with its state, the browser is at %d %s", want, page.Status, page.URL)
	}
}
