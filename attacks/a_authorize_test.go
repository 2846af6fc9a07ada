package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// refusedCallbacks are redirect URIs that look like a registered one and aren't, by line.
var refusedCallbacks = []struct {
	line, client string
	uris         []string
}{
	{"A01_SuffixAndPrefixOfTheHost", "spa", []string{"https://app.test.evil.test/cb", "https://evilapp.test/cb", "https://app.test"}},
	{"A02_UnescapedDotInTheHost", "dotted", []string{"https://aXb.test/cb", "https://a.b.testx/cb"}},
	{"A03_OtherPort", "spa", []string{"https://app.test:8443/cb", "https://app.test:443/cb", "https://app.test:/cb"}},
	{"A04_UserInformation", "spa", []string{"https://app.test@evil.test/cb", "https://evil@app.test/cb", `https://app.test\@evil.test/cb`, "https://:@app.test/cb"}},
	{"A05_EncodedTraversal", "spa", []string{
		"https://app.test/cb/..%2fevil", "https://app.test/cb%2f..", "https://app.test/cb/%2e%2e/", "https://app.test/cb%252f..",
		"https://app.test/cb/..;/x", "https://app.test/%63b",
	}},
	{"A06_DotSegments", "spa", []string{"https://app.test/x/../cb", "https://app.test/./cb", "https://app.test//cb", "https://app.test/cb/"}},
	{"A07_Fragment", "spa", []string{"https://app.test/cb#x", "https://app.test/cb#"}},
	{"A09_OtherCase", "spa", []string{"https://app.test/CB", "https://app.test/Cb", "HTTP://app.test/cb", "http://app.test/cb"}},
	{"A10_DangerousSchemes", "spa", []string{"javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///cb", "app:/x", "//app.test/cb", "/cb", "cb"}},
	{"A12_WildcardSubdomain", "dotted", []string{
		"https://a.b.wild.test/cb", "https://wild.test/cb", "https://.wild.test/cb", "https://a.wild.test.evil.test/cb",
		"https://*.wild.test/cb", "https://evil.test/.wild.test/cb", "https://evil.test%2f.wild.test/cb", "https://evil.test#.wild.test/cb",
		"https://evil.test?.wild.test/cb", "http://a.wild.test/cb",
	}},
	{"A13_ControlCharacters", "spa", []string{
		"https://app.test/cb\r\nSet-Cookie: x=1", "https://app.test/cb\x00", "https://app.test\t/cb", "https://app\n.test/cb",
		"/\t/evil.test", "\thttps://app.test/cb", " https://app.test/cb", "https://app.test/cb ", "https://app.test/cb\u00a0",
	}},
}

func TestA01toA13_RefusedRedirectURIs(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for _, c := range refusedCallbacks {
		t.Run(c.line, func(t *testing.T) {
			app := blackbox.NewApp(t, b.Server, c.client, "", appURL)
			for _, uri := range c.uris {
				page := b.browser(t).Open(app.Authorize(url.Values{"redirect_uri": {uri}}).URL)
				if page.App {
					t.Errorf("%q: the browser was sent to %s", uri, page.URL)
				}
				refusesPage(t, page)
			}
		})
	}
}

// Clients whose addresses must not get into the tenant at all.
func TestA07A10A12_RegistrationOfBadCallbacks(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	bad := []string{
		"https://app.test/cb#x", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "app:/x",
		"https://app.test/*", "https://*.com/cb", "https://a.*.test/cb", "https://*.*.wild.test/cb", "https://*/cb", "https://user@app.test/cb",
	}
	file := b.WriteFile("bad.yaml", "clients:\n  - {name: bad, client_id: bad, token_endpoint_auth_method: none, callbacks: ['"+strings.Join(bad, "', '")+"']}\n")
	printed, err := b.Try("tenant", "apply", file)
	if err == nil {
		t.Error("the file was applied")
	}
	for i, uri := range bad {
		if !strings.Contains(printed, fmt.Sprintf("callbacks[%d]", i)) {
			t.Errorf("%q is not refused:\n%s", uri, printed)
		}
	}
}

func TestA09_OtherCaseOfTheHost(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	// Scheme and host are the same address in any case; the answer goes to the address as it was asked for.
	flow := b.spa.Authorize(url.Values{"redirect_uri": {"https://APP.test/cb"}, "prompt": {"none"}})
	page := b.browser(t).Step(http.MethodGet, flow.URL, nil)
	if got := page.Header.Get("Location"); !strings.HasPrefix(got, "https://APP.test/cb?error=login_required") {
		t.Errorf("Location is %q", got)
	}
}

func TestA12_OneLabelForTheWildcard(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	app := blackbox.NewApp(t, b.Server, "dotted", "", "")
	for _, uri := range []string{"https://one.wild.test/cb", "http://127.0.0.1:50123/cb"} {
		page := b.browser(t).Step(http.MethodGet, app.Authorize(url.Values{"redirect_uri": {uri}, "prompt": {"none"}}).URL, nil)
		if got := page.Header.Get("Location"); !strings.HasPrefix(got, uri+"?error=login_required") {
			t.Errorf("%q: Location is %q", uri, got)
		}
	}
}

func TestA13_ControlCharactersInTheState(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for _, state := range []string{"a\r\nSet-Cookie: x=1", "a\r\n\r\n<script>", "\u2028", "é"} {
		flow := b.spa.Authorize(url.Values{"prompt": {"none"}, "state": {state}})
		page := b.browser(t).Open(flow.URL)
		appError(t, page, flow, "login_required")
		if page.Header.Get("Set-Cookie") != "" {
			t.Errorf("state %q set a cookie", state)
		}
	}
}

func TestA14_ErrorsAreNoOpenRedirect(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for name, changes := range map[string]url.Values{
		"unknown client":                   {"client_id": {"nobody"}, "redirect_uri": {"https://evil.test/"}},
		"no client":                        {"client_id": nil, "redirect_uri": {"https://evil.test/"}},
		"client twice":                     {"client_id": {"spa", "web"}},
		"redirect_uri twice":               {"redirect_uri": {appURL, "https://evil.test/"}},
		"bad scope, other redirect_uri":    {"scope": {"\x01"}, "redirect_uri": {"https://evil.test/"}},
		"bad type, other redirect_uri":     {"response_type": {"x"}, "redirect_uri": {"https://evil.test/"}},
		"other client's redirect_uri":      {"redirect_uri": {webURL}},
		"web_message, other redirect_uri":  {"response_mode": {"web_message"}, "redirect_uri": {"https://evil.test/"}},
		"prompt=none, other redirect_uri":  {"prompt": {"none"}, "redirect_uri": {"https://evil.test/"}},
		"form_post, other redirect_uri":    {"response_mode": {"form_post"}, "redirect_uri": {"https://evil.test/"}},
		"state twice":                      {"state": {"a", "b"}},
		"NUL in a parameter":               {"state": {"\x00"}},
		"unknown client with a real state": {"client_id": {"SPA"}},
	} {
		page := b.browser(t).Open(b.spa.Authorize(changes).URL)
		if page.App {
			t.Errorf("%s: the browser was sent to %s", name, page.URL)
		}
		refusesPage(t, page)
		if strings.Contains(page.Body, "<form") || strings.Contains(page.Body, "postMessage") {
			t.Errorf("%s: the page answers the app", name)
		}
	}
	raw := b.Do(t, http.MethodGet, "/authorize?client_id=spa&redirect_uri=%zz", "", "", nil)
	if raw.Status != http.StatusBadRequest {
		t.Errorf("a malformed query got %d", raw.Status)
	}
}

func TestA16_TheStoredRequestWins(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser, flow := b.browser(t), b.spa.Authorize(url.Values{"scope": {"openid"}})
	page := browser.Open(flow.URL)
	evil := blackbox.Random()
	page = browser.Submit(page, url.Values{
		"username": {"ada@example.com"}, "password": {password}, "scope": {"openid profile email offline_access"},
		"nonce": {"evil"}, "redirect_uri": {"https://web.test/cb"}, "code_challenge": {blackbox.Challenge(evil)}, "client_id": {"web"},
	})
	if !page.App || !strings.HasPrefix(page.URL.String(), appURL+"?") {
		t.Fatalf("the browser is at %s", page.URL)
	}
	invalidGrant(t, b.spa.Exchange(flow, page.Param("code"), url.Values{"code_verifier": {evil}}))

	flow = b.spa.Authorize(url.Values{"scope": {"openid"}, "prompt": {"login"}})
	page = b.signIn(t, browser, flow)
	tokens := b.spa.Exchange(flow, page.Param("code"), url.Values{"scope": {"openid profile email offline_access"}})
	b.keepTokens(tokens)
	_, claims := blackbox.Claims(t, tokens.Text("id_token"))
	if claims["nonce"] != flow.Nonce || claims["aud"] != "spa" || claims["email"] != nil || tokens.Text("scope") != "openid" || tokens.Text("refresh_token") != "" {
		t.Errorf("tokens say more than was asked for: %v %v", claims, tokens.JSON)
	}
}

func TestA17_RequestObjects(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	object := blackbox.JWT(t, map[string]any{"alg": "none"}, map[string]any{"redirect_uri": "https://evil.test/"}, nil)
	before := len(b.up.Requests())
	for want, changes := range map[string]url.Values{
		"request_not_supported":     {"request": {object}},
		"request_uri_not_supported": {"request_uri": {b.up.URL + "/idp.test/request"}},
	} {
		flow := b.spa.Authorize(changes)
		appError(t, b.browser(t).Open(flow.URL), flow, want)
	}
	if after := b.up.Requests(); len(after) != before {
		t.Errorf("the server fetched %v", after[before:])
	}
}

func TestA18_ConsentCannotBeSkipped(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	third := blackbox.NewApp(t, b.Server, "third", web2Secret, "https://third.test/cb")
	browser := b.browser(t)
	if page := b.signIn(t, browser, b.spa.Authorize(nil)); !page.App {
		t.Fatalf("no log-in: %s", page.URL)
	}
	for name, changes := range map[string]url.Values{
		"nothing agreed to":      {"scope": {"openid"}},
		"no scope at all":        {"scope": nil},
		"no scope, for an API":   {"scope": nil, "audience": {"https://api.test"}},
		"an API without consent": {"scope": {"read:things"}, "audience": {"https://api.test"}},
	} {
		changes.Set("prompt", "none")
		flow := third.Authorize(changes)
		page := browser.Open(flow.URL)
		if page.Param("error") != "consent_required" || page.Param("code") != "" {
			t.Errorf("%s: the app got %s", name, page.URL)
		}
	}
	flow := third.Authorize(url.Values{"scope": {"openid"}})
	page := browser.Open(flow.URL)
	if page.App || len(page.Forms) != 1 {
		t.Fatalf("want the consent page, got %s", page.URL)
	}
	state := page.URL.Query().Get("state")
	if early := browser.Open(b.BaseURL + "/authorize/resume?state=" + state); early.App {
		t.Errorf("resume gave %s before consent", early.URL)
	}
	if page = browser.Submit(page, url.Values{"consent": {"accept"}}); page.Param("code") == "" {
		t.Fatalf("no code after consent: %s", page.URL)
	}
	silent := third.Authorize(url.Values{"scope": {"openid"}, "prompt": {"none"}})
	if page = browser.Open(silent.URL); page.Param("code") == "" {
		t.Errorf("agreed scope is asked for again: %s", page.URL)
	}
	more := third.Authorize(url.Values{"scope": {"openid email"}, "prompt": {"none"}})
	appError(t, browser.Open(more.URL), more, "consent_required")
}

func TestA19_AnswersNameTheIssuer(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	flow := b.spa.Authorize(url.Values{"prompt": {"none"}})
	if page := browser.Open(flow.URL); page.Param("iss") != b.Issuer {
		t.Errorf("error without issuer: %s", page.URL)
	}
	if page := b.signIn(t, browser, b.spa.Authorize(nil)); page.Param("iss") != b.Issuer || page.Param("code") == "" {
		t.Errorf("success without issuer: %s", page.URL)
	}
	discovery := b.Do(t, http.MethodGet, "/.well-known/openid-configuration", "", "", nil)
	if discovery.JSON["authorization_response_iss_parameter_supported"] != true || discovery.JSON["issuer"] != b.Issuer {
		t.Errorf("discovery says %v", discovery.JSON)
	}
}
