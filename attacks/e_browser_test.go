package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

const (
	host          = "127.0.0.1"
	sessionCookie = "latchkey_session"
	browserCookie = "latchkey_browser"
)

// silent asks who is logged in at a browser without showing anything.
func silent(t *testing.T, b *bench, browser *blackbox.Browser) *blackbox.Page {
	t.Helper()
	page := browser.Open(b.spa.Authorize(url.Values{"prompt": {"none"}}).URL)
	if !page.App {
		t.Fatalf("prompt=none ends at %d %s", page.Status, page.URL)
	}
	b.keepSecret(page.Param("code"))
	return page
}

func TestE61_SessionFixation(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for name, planted := range map[string]string{"made up": blackbox.Random(), "the attacker's own": b.session(t, "eve@example.com", evePassword)} {
		victim := b.browser(t)
		victim.SetCookie(host, sessionCookie, planted)
		if page := b.signIn(t, victim, b.spa.Authorize(url.Values{"prompt": {"login"}})); page.Param("code") == "" {
			t.Fatalf("%s: no log-in: %s", name, page.URL)
		}
		if victim.Cookie(sessionCookie) == planted {
			t.Errorf("%s: the planted session became the victim's", name)
		}
		attacker := b.browser(t)
		attacker.SetCookie(host, sessionCookie, planted)
		if page := silent(t, b, attacker); page.Param("error") != "login_required" {
			t.Errorf("%s: the planted session is good for %s", name, page.URL)
		}
	}
}

// A transaction that was begun with a planted browser cookie is of no use to whoever planted it.
func TestE61_PlantedTransaction(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	attacker, victim := b.browser(t), b.browser(t)
	page := attacker.Open(b.spa.Authorize(nil).URL)
	victim.SetCookie(host, browserCookie, attacker.Cookie(browserCookie))
	shown := victim.Open(page.URL.String())
	values := shown.Forms[0].Values
	values.Set("username", "ada@example.com")
	values.Set("password", password)
	victim.Step(http.MethodPost, shown.Forms[0].Action, values)
	refusesPage(t, attacker.Open(b.BaseURL+"/authorize/resume?state="+page.URL.Query().Get("state")))
	if page := silent(t, b, attacker); page.Param("error") != "login_required" {
		t.Errorf("the attacker is logged in: %s", page.URL)
	}
}

// session logs somebody in and returns the session cookie's value.
func (b *bench) session(t *testing.T, who, secret string) string {
	t.Helper()
	browser := b.browser(t)
	b.signInAs(t, browser, b.spa.Authorize(nil), who, secret)
	value := browser.Cookie(sessionCookie)
	if value == "" {
		t.Fatal("no session cookie")
	}
	return value
}

func TestE62_CookieAttributes(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		b := start(t, benchOptions{tls: secure})
		browser := b.browser(t)
		browser.Header.Set("X-Forwarded-Proto", "https")
		browser.Header.Set("X-Forwarded-Host", "evil.test")
		b.signIn(t, browser, b.spa.Authorize(nil))
		browser.Open(b.BaseURL + "/v2/logout")
		if len(browser.SetCookies()) < 4 {
			t.Fatalf("only %d cookies were set", len(browser.SetCookies()))
		}
		for _, set := range browser.SetCookies() {
			c := set.Cookie
			if set.Refused != "" {
				t.Errorf("%s: browsers drop it: %s", c.Name, set.Refused)
			}
			if !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != secure {
				t.Errorf("https=%v: %s", secure, c.Raw)
			}
			// Only what an identity provider's POST or a frame of the app must bring along goes across sites.
			crosses := secure && !strings.HasSuffix(c.Name, "latchkey_last")
			if (c.SameSite == http.SameSiteNoneMode) != crosses || !crosses && c.SameSite != http.SameSiteLaxMode {
				t.Errorf("https=%v: SameSite of %s", secure, c.Raw)
			}
		}
	}
}

func TestE64_TamperedCookies(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	good := b.session(t, "ada@example.com", password)
	browser := b.browser(t)
	browser.SetCookie(host, sessionCookie, good)
	if page := silent(t, b, browser); page.Param("code") == "" {
		t.Fatalf("the real cookie doesn't work: %s", page.URL)
	}
	flipped := []byte(good)
	flipped[0] ^= 1
	for _, value := range []string{
		string(flipped), good[:len(good)-1], good + "A", good[:20], strings.ToUpper(good), `{"user_id":"auth0|1"}`,
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", strings.Repeat("A", 4000), good + "." + good, "%00", "null",
	} {
		browser.SetCookie(host, sessionCookie, value)
		if page := silent(t, b, browser); page.Param("error") != "login_required" || page.Param("code") != "" {
			t.Errorf("cookie %.60q got %s", value, page.URL)
		}
	}
	// A transaction's and another kind's secret is no session.
	login := browser.Open(b.spa.Authorize(nil).URL)
	for _, value := range []string{login.URL.Query().Get("state"), browser.Cookie(browserCookie)} {
		browser.SetCookie(host, sessionCookie, value)
		if page := silent(t, b, browser); page.Param("error") != "login_required" {
			t.Errorf("another kind of secret is a session: %s", page.URL)
		}
	}
}

func TestE65_WebMessageTargets(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	b.signIn(t, browser, b.spa.Authorize(nil))
	for name, changes := range map[string]url.Values{
		"success": {"prompt": {"none"}, "response_mode": {"web_message"}},
		"error":   {"prompt": {"none"}, "response_mode": {"web_message"}, "max_age": {"0"}},
	} {
		page := browser.Open(b.spa.Authorize(changes).URL)
		if page.Status != http.StatusOK || !strings.Contains(page.Body, `postMessage(message, "https://app.test")`) && !strings.Contains(page.Body, `postMessage(message, "https:\/\/app.test")`) {
			t.Errorf("%s: no message for the app's origin:\n%s", name, page.Body)
		}
		if strings.Contains(page.Body, `"*"`) {
			t.Errorf("%s: the message goes to everybody", name)
		}
		if got := page.Header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors https://app.test;") && !strings.HasSuffix(got, "frame-ancestors https://app.test") {
			t.Errorf("%s: policy %q", name, got)
		}
		if page.Header.Get("X-Frame-Options") != "" {
			t.Errorf("%s: X-Frame-Options stops the app's frame", name)
		}
	}
	// The origin has to be listed as web origin; being a callback's isn't enough.
	lenient := blackbox.NewApp(t, b.Server, "lenient", "", "https://lenient.test/cb")
	flow := lenient.Authorize(url.Values{"prompt": {"none"}, "response_mode": {"web_message"}})
	appError(t, browser.Open(flow.URL), flow, "unauthorized_client")
	refusesPage(t, browser.Open(b.spa.Authorize(url.Values{"response_mode": {"web_message"}, "redirect_uri": {"https://app.test.evil/cb"}}).URL))
}

func TestE65_WebMessageToACustomScheme(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: strings.Replace(tenantFile, "clients:\n", `clients:
  - {name: phone, client_id: phone, app_type: native, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["com.example.app://host/cb"], web_origins: ["com.example.app://host"], grant_types: [authorization_code]}
`, 1)})
	phone := blackbox.NewApp(t, b.Server, "phone", "", "com.example.app://host/cb")
	for _, mode := range []string{"web_message", "form_post"} {
		page := b.browser(t).Step(http.MethodGet, phone.Authorize(url.Values{"prompt": {"none"}, "response_mode": {mode}}).URL, nil)
		if page.Status >= 500 {
			t.Errorf("%s: %d\n%s", mode, page.Status, page.Body)
		}
	}
}

// shownPages are pages of every kind by name.
func shownPages(t *testing.T, b *bench) map[string]*blackbox.Page {
	t.Helper()
	browser := b.browser(t)
	login := browser.Open(b.spa.Authorize(nil).URL)
	pages := map[string]*blackbox.Page{
		"log-in":       login,
		"sign-up":      browser.Open(login.Link("Sign up")),
		"wrong":        browser.Submit(login, url.Values{"username": {"ada@example.com"}, "password": {"wrong"}}),
		"error":        browser.Open(b.BaseURL + "/authorize?client_id=nobody"),
		"expired":      browser.Open(b.BaseURL + "/u/login?state=x"),
		"not found":    browser.Open(b.BaseURL + "/nowhere"),
		"logged out":   browser.Open(b.BaseURL + "/oidc/logout"),
		"bad callback": browser.Open(b.BaseURL + "/login/callback?state=x"),
	}
	b.signIn(t, browser, b.spa.Authorize(nil))
	third := blackbox.NewApp(t, b.Server, "third", web2Secret, "https://third.test/cb")
	pages["consent"] = browser.Open(third.Authorize(url.Values{"scope": {"openid"}}).URL)
	pages["log-out question"] = browser.Open(b.BaseURL + "/oidc/logout")
	pages["form_post"] = browser.Open(b.spa.Authorize(url.Values{"response_mode": {"form_post"}}).URL)
	return pages
}

func TestE66E75_PagesAreNeitherFramedNorCached(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for name, page := range shownPages(t, b) {
		policy := page.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || page.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s can be framed: %q", name, policy)
		}
		if strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "unsafe-eval") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "base-uri 'none'") {
			t.Errorf("%s runs foreign scripts: %q", name, policy)
		}
		if !strings.Contains(page.Header.Get("Cache-Control"), "no-store") || page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", name, page.Header)
		}
		if strings.Count(page.Body, "<h1") != 1 {
			t.Errorf("%s has %d headings of the first level", name, strings.Count(page.Body, "<h1"))
		}
	}
}

func TestE67_CrossSiteRequestForgery(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	victim, attacker := b.browser(t), b.browser(t)
	page, foreign := victim.Open(b.spa.Authorize(nil).URL), attacker.Open(b.spa.Authorize(nil).URL)
	credentials := url.Values{"username": {"eve@example.com"}, "password": {evePassword}, "state": {page.URL.Query().Get("state")}}
	signup := url.Values{"email": {"new@example.com"}, "password": {password}, "state": credentials["state"]}
	for name, token := range map[string][]string{
		"none": nil, "empty": {""}, "of another browser": {foreign.Forms[0].Values.Get("_csrf")}, "made up": {blackbox.Random()},
		"of another form": {victim.Open(page.Link("Sign up")).Forms[0].Values.Get("_csrf")},
	} {
		for _, path := range []string{"/u/login", "/u/consent"} {
			values := url.Values{"_csrf": token, "consent": {"accept"}}
			for k, v := range credentials {
				values[k] = v
			}
			if got := victim.Step(http.MethodPost, b.BaseURL+path, values); got.Status != http.StatusForbidden {
				t.Errorf("token %s at %s: %d", name, path, got.Status)
			}
		}
		if name == "of another form" {
			continue // it is the sign-up form's own
		}
		signup["_csrf"] = token
		if got := victim.Step(http.MethodPost, b.BaseURL+"/u/signup", signup); got.Status != http.StatusForbidden {
			t.Errorf("token %s at sign-up: %d", name, got.Status)
		}
	}
	// The right token, but sent by another site's page.
	values := page.Forms[0].Values
	values.Set("username", "eve@example.com")
	values.Set("password", evePassword)
	for name, header := range map[string]http.Header{
		"origin": {"Origin": {"https://evil.test"}}, "fetch metadata": {"Sec-Fetch-Site": {"cross-site"}}, "no origin to tell": {"Origin": {"null"}},
	} {
		victim.Header = header
		if got := victim.Step(http.MethodPost, b.BaseURL+"/u/login", values); got.Status != http.StatusForbidden {
			t.Errorf("%s: %d", name, got.Status)
		}
		victim.Header = http.Header{}
	}
	if page := silent(t, b, victim); page.Param("error") != "login_required" {
		t.Errorf("the victim was logged in: %s", page.URL)
	}
	// Logging out by RP-initiated logout asks first, and the question can't be answered by others.
	b.signIn(t, victim, b.spa.Authorize(nil))
	for _, token := range []string{"", blackbox.Random(), foreign.Forms[0].Values.Get("_csrf")} {
		victim.Post(b.BaseURL+"/oidc/logout", url.Values{"logout": {"yes"}, "_csrf": {token}})
	}
	if page := silent(t, b, victim); page.Param("code") == "" {
		t.Errorf("the victim was logged out: %s", page.URL)
	}
	if a := b.Do(t, http.MethodPost, "/dev/clock", "application/json", `{"advance":"1h"}`, http.Header{"Origin": {"https://evil.test"}}); a.Status != http.StatusForbidden {
		t.Errorf("another site moves the clock: %d", a.Status)
	}
}

func TestE68_LogoutIsNoOpenRedirect(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for _, client := range []string{"client_id=spa&", ""} {
		for _, target := range []string{
			"//evil.test", `/\evil.test`, "https:evil.test", "\t//evil.test", "https://evil.test/", "https://web.test/out", "javascript:alert(1)",
			"https://app.test/out/../x", "https://app.test@evil.test/out", "https://app.test/OUT", "https://app.test.evil.test/out", "/", "out",
			"https://app.test/out\r\nX: y", "http://app.test/out", "https://app.test/out%2f..", "https://app.test:444/out",
		} {
			browser := b.browser(t)
			browser.Header.Set("Referer", "https://evil.test/")
			refusesPage(t, browser.Open(b.BaseURL+"/v2/logout?"+client+"returnTo="+url.QueryEscape(target)))
		}
	}
	refusesPage(t, b.browser(t).Open(b.BaseURL+"/v2/logout?client_id=nobody"))
	refusesPage(t, b.browser(t).Open(b.BaseURL+"/v2/logout?client_id=spa&returnTo=https://app.test/out&returnTo=https://evil.test/"))
	refusesPage(t, b.browser(t).Open(b.BaseURL+"/v2/logout?returnTo=https://app.test/out")) // a client's, without naming it
	for address, want := range map[string]string{
		"/v2/logout?client_id=spa&returnTo=https://app.test/out?a=1%23b": "https://app.test/out?a=1#b",
		"/v2/logout?client_id=spa":                                       "https://app.test/out",
		"/v2/logout?federated&client_id=spa":                             "https://app.test/out",
		"/v2/logout?returnTo=https://tenant.test/out":                    "https://tenant.test/out",
		"/v2/logout": "",
	} {
		browser := b.browser(t)
		b.signIn(t, browser, b.spa.Authorize(nil))
		browser.Header.Set("Referer", "https://evil.test/")
		page := browser.Step(http.MethodGet, b.BaseURL+address, nil)
		if got := page.Header.Get("Location"); got != want || want == "" && page.Body != "OK" {
			t.Errorf("%s leads to %q, want %q", address, got, want)
		}
		browser.Header = http.Header{}
		if page := silent(t, b, browser); page.Param("error") != "login_required" {
			t.Errorf("%s: still logged in", address)
		}
	}
}

func TestE70_HintsAtLogout(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	victim := b.browser(t)
	flow := b.spa.Authorize(nil)
	page := b.signIn(t, victim, flow)
	own := b.spa.Exchange(flow, page.Param("code"), nil)
	b.keepTokens(own)
	others := b.tokens(t, b.spa, nil)
	_, claims := blackbox.Claims(t, own.Text("id_token"))
	unsigned := blackbox.JWT(t, map[string]any{"alg": "none"}, claims, nil)
	forged := blackbox.JWT(t, map[string]any{"alg": "RS256", "kid": "x"}, claims, b.up.RS256)
	logout := func(values url.Values) *blackbox.Page {
		t.Helper()
		return victim.Step(http.MethodGet, b.BaseURL+"/oidc/logout?"+values.Encode(), nil)
	}
	target := []string{"https://app.test/out"}
	for name, values := range map[string]url.Values{
		"alg none":                {"id_token_hint": {unsigned}, "post_logout_redirect_uri": target},
		"other key":               {"id_token_hint": {forged}, "post_logout_redirect_uri": target},
		"no token":                {"id_token_hint": {"x"}, "post_logout_redirect_uri": target},
		"an access token":         {"id_token_hint": {own.Text("access_token")}, "post_logout_redirect_uri": target},
		"unregistered address":    {"id_token_hint": {own.Text("id_token")}, "post_logout_redirect_uri": {"https://evil.test/"}},
		"another client's":        {"id_token_hint": {own.Text("id_token")}, "post_logout_redirect_uri": {"https://web.test/out"}},
		"hint and client differ":  {"id_token_hint": {own.Text("id_token")}, "client_id": {"web"}},
		"hints differ":            {"id_token_hint": {own.Text("id_token")}, "logout_hint": {"other"}},
		"unknown client":          {"client_id": {"nobody"}},
		"client's without client": {"post_logout_redirect_uri": target},
	} {
		page := logout(values)
		if page.Status != http.StatusBadRequest || page.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, page.Status, page.Header.Get("Location"))
		}
	}
	// A good hint about another session, and none at all, ask first.
	for name, values := range map[string]url.Values{
		"another session": {"id_token_hint": {others.Text("id_token")}, "post_logout_redirect_uri": target},
		"no hint":         {"client_id": {"spa"}, "post_logout_redirect_uri": target},
		"guessed sid":     {"client_id": {"spa"}, "logout_hint": {"x"}, "post_logout_redirect_uri": target},
	} {
		if page := logout(values); page.Status != http.StatusOK || len(page.Forms) != 1 {
			t.Errorf("%s: %d %s", name, page.Status, page.Header.Get("Location"))
		}
	}
	if page := silent(t, b, victim); page.Param("code") == "" {
		t.Fatalf("somebody logged the victim out: %s", page.URL)
	}
	// The person may answer the question themselves.
	question := victim.Open(b.BaseURL + "/oidc/logout?" + url.Values{"client_id": {"spa"}, "post_logout_redirect_uri": target, "state": {"s 1"}}.Encode())
	if page := victim.Submit(question, url.Values{"logout": {"yes"}}); !page.App || page.Param("state") != "s 1" {
		t.Errorf("after the answer the browser is at %d %s", page.Status, page.URL)
	}
	if page := silent(t, b, victim); page.Param("error") != "login_required" {
		t.Errorf("still logged in: %s", page.URL)
	}
	// The own hint logs out at once, even when it has expired.
	flow = b.spa.Authorize(nil)
	page = b.signIn(t, victim, flow)
	own = b.spa.Exchange(flow, page.Param("code"), nil)
	b.keepTokens(own)
	b.Advance(11 * time.Hour)
	if page := logout(url.Values{"id_token_hint": {own.Text("id_token")}, "post_logout_redirect_uri": target}); page.Header.Get("Location") != target[0] {
		t.Errorf("own hint: %d %s", page.Status, page.Header.Get("Location"))
	}
	if page := silent(t, b, victim); page.Param("error") != "login_required" {
		t.Errorf("still logged in: %s", page.URL)
	}
}

func TestE73_StepsCannotBeSkipped(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	login := browser.Open(b.spa.Authorize(nil).URL)
	state := login.URL.Query().Get("state")
	for _, step := range []string{"/authorize/resume", "/u/consent"} {
		page := browser.Open(b.BaseURL + step + "?state=" + state)
		if page.App || page.URL.Path != "/u/login" {
			t.Errorf("%s before the log-in leads to %s", step, page.URL)
		}
	}
	third := blackbox.NewApp(t, b.Server, "third", web2Secret, "https://third.test/cb")
	page := b.signIn(t, browser, third.Authorize(url.Values{"scope": {"openid"}}))
	state = page.URL.Query().Get("state")
	for range 3 {
		page = browser.Open(b.BaseURL + "/authorize/resume?state=" + state)
		if page.App || page.URL.Path != "/u/consent" {
			t.Errorf("resume before consent leads to %s", page.URL)
		}
	}
	// Agreement of one person is not agreement of the next.
	values := page.Forms[0].Values
	values.Set("consent", "accept")
	browser.Step(http.MethodPost, page.Forms[0].Action, values)
	again := url.Values{"state": {state}, "username": {"eve@example.com"}, "password": {evePassword}}
	login = browser.Open(b.BaseURL + "/u/login?state=" + state)
	if len(login.Forms) == 1 {
		again.Set("_csrf", login.Forms[0].Values.Get("_csrf"))
		if page := browser.Post(b.BaseURL+"/u/login", again); page.Param("code") != "" {
			t.Errorf("somebody who never agreed gets a code: %s", page.URL)
		}
	}
}

func TestE75_AnswersWithSecretsAreNotCached(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	var steps []*blackbox.Page
	flow := b.spa.Authorize(nil)
	first := browser.Step(http.MethodGet, flow.URL, nil)
	login := browser.Open(b.BaseURL + first.Header.Get("Location"))
	values := login.Forms[0].Values
	values.Set("username", "ada@example.com")
	values.Set("password", password)
	second := browser.Step(http.MethodPost, login.Forms[0].Action, values)
	third := browser.Step(http.MethodGet, b.BaseURL+second.Header.Get("Location"), nil)
	pending := browser.Step(http.MethodGet, b.spa.Authorize(url.Values{"prompt": {"login"}}).URL, nil)
	state, err := url.Parse(pending.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	early := browser.Step(http.MethodGet, b.BaseURL+"/authorize/resume?"+state.RawQuery, nil)
	visit := browser.Step(http.MethodGet, b.BaseURL+"/u/provider?connection=up&"+state.RawQuery, nil)
	out := browser.Step(http.MethodGet, b.BaseURL+"/v2/logout?client_id=spa", nil)
	steps = append(steps, first, login, second, third, pending, early, visit, out)
	for _, page := range steps {
		if page.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s: Cache-Control is %q", page.Status, page.URL.Path, page.Header.Get("Cache-Control"))
		}
	}
	target, err := url.Parse(third.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	tokens := b.spa.Exchange(flow, target.Query().Get("code"), nil)
	b.keepTokens(tokens)
	for name, a := range map[string]blackbox.Answer{
		"tokens": tokens, "no tokens": b.spa.Exchange(flow, "x", nil), "userinfo": b.Userinfo(t, tokens.Text("access_token")),
		"no userinfo": b.Userinfo(t, "x"), "revoked": b.spa.Revoke(tokens.Text("refresh_token"), nil),
	} {
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control is %q", name, a.Header.Get("Cache-Control"))
		}
	}
}

func TestE76_TwoPeopleAtOneBrowser(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	log := func(who, secret string) (map[string]any, blackbox.Answer) {
		t.Helper()
		flow := b.spa.Authorize(url.Values{"prompt": {"login"}})
		page := b.signInAs(t, browser, flow, who, secret)
		tokens := b.spa.Exchange(flow, page.Param("code"), nil)
		b.keepTokens(tokens)
		_, claims := blackbox.Claims(t, tokens.Text("id_token"))
		return claims, tokens
	}
	first, _ := log("ada@example.com", password)
	// The app logs ada out without telling us: a request without the cookie.
	if a := b.Do(t, http.MethodGet, "/v2/logout", "", "", nil); a.Status != http.StatusOK {
		t.Errorf("log-out without a session: %d", a.Status)
	}
	cookie := browser.Cookie(sessionCookie)
	second, _ := log("eve@example.com", evePassword)
	if first["sid"] == second["sid"] || first["sub"] == second["sub"] || first["sid"] == nil {
		t.Errorf("the second person got sid %v sub %v, the first had %v %v", second["sid"], second["sub"], first["sid"], first["sub"])
	}
	old := b.browser(t)
	old.SetCookie(host, sessionCookie, cookie)
	if page := silent(t, b, old); page.Param("error") != "login_required" {
		t.Errorf("the first person's session lives on: %s", page.URL)
	}
	// A hint about the first person doesn't get the second one's code.
	hint := b.tokens(t, b.spa, nil).Text("id_token")
	flow := b.spa.Authorize(url.Values{"prompt": {"none"}, "id_token_hint": {hint}})
	appError(t, browser.Open(flow.URL), flow, "login_required")
}
