package attacks_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

func TestPromptMaxAgeAndHints(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	flow := b.spa.Authorize(nil)
	first := b.spa.Exchange(flow, b.signIn(t, browser, flow).Param("code"), nil)
	b.keepTokens(first)
	others := b.browser(t)
	flow = b.spa.Authorize(nil)
	foreign := b.spa.Exchange(flow, b.signInAs(t, others, flow, "eve@example.com", evePassword).Param("code"), nil)
	b.keepTokens(foreign)
	b.Advance(100 * time.Second)
	for name, c := range map[string]struct {
		changes url.Values
		want    string // an error, "code", or "page"
	}{
		"nothing":                   {url.Values{}, "code"},
		"none":                      {url.Values{"prompt": {"none"}}, "code"},
		"login":                     {url.Values{"prompt": {"login"}}, "page"},
		"select_account":            {url.Values{"prompt": {"select_account"}}, "page"},
		"login and consent":         {url.Values{"prompt": {"login consent"}}, "page"},
		"none and login":            {url.Values{"prompt": {"none login"}}, "invalid_request"},
		"unknown":                   {url.Values{"prompt": {"create"}}, "invalid_request"},
		"max_age reached":           {url.Values{"max_age": {"99"}}, "page"},
		"max_age not reached":       {url.Values{"max_age": {"300"}}, "code"},
		"max_age 0":                 {url.Values{"max_age": {"0"}}, "page"},
		"max_age reached, none":     {url.Values{"max_age": {"99"}, "prompt": {"none"}}, "login_required"},
		"max_age not a number":      {url.Values{"max_age": {"x"}}, "invalid_request"},
		"max_age below zero":        {url.Values{"max_age": {"-1"}}, "invalid_request"},
		"max_age of forever":        {url.Values{"max_age": {"99999999999999999999"}}, "invalid_request"},
		"own hint":                  {url.Values{"prompt": {"none"}, "id_token_hint": {first.Text("id_token")}}, "code"},
		"hint of somebody else":     {url.Values{"prompt": {"none"}, "id_token_hint": {foreign.Text("id_token")}}, "login_required"},
		"hint that is no token":     {url.Values{"prompt": {"none"}, "id_token_hint": {"x"}}, "login_required"},
		"hint of an access token":   {url.Values{"prompt": {"none"}, "id_token_hint": {first.Text("access_token")}}, "login_required"},
		"another connection":        {url.Values{"prompt": {"none"}, "connection": {"up"}}, "login_required"},
		"the session's connection":  {url.Values{"prompt": {"none"}, "connection": {"db"}}, "code"},
		"unknown audience":          {url.Values{"prompt": {"none"}, "audience": {"https://nowhere.test"}}, "access_denied"},
		"sign-up for one logged in": {url.Values{"screen_hint": {"signup"}}, "code"},
	} {
		flow := b.spa.Authorize(c.changes)
		page := browser.Open(flow.URL)
		switch c.want {
		case "page":
			if page.App || page.Status != http.StatusOK || len(page.Forms) != 1 {
				t.Errorf("%s: %d %s", name, page.Status, page.URL)
			}
		case "code":
			if page.Param("code") == "" || page.Param("state") != flow.State {
				t.Errorf("%s: %s", name, page.URL)
			}
			b.keepSecret(page.Param("code"))
		default:
			appError(t, page, flow, c.want)
		}
	}
	// Proving it again moves auth_time; passing by does not.
	flow = b.spa.Authorize(url.Values{"max_age": {"0"}})
	again := b.spa.Exchange(flow, b.signIn(t, browser, flow).Param("code"), nil)
	b.keepTokens(again)
	_, before := blackbox.Claims(t, first.Text("id_token"))
	_, after := blackbox.Claims(t, again.Text("id_token"))
	if before["auth_time"] == after["auth_time"] || before["sub"] != after["sub"] || after["nonce"] != flow.Nonce {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestLoginHintIsShownAsText(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	const hint = `"><img src=x onerror=alert(1)>{{7*7}}${7*7}`
	for _, screen := range []string{"login", "signup"} {
		page := b.browser(t).Open(b.spa.Authorize(url.Values{"login_hint": {hint}, "screen_hint": {screen}, "ui_locales": {`x"><script>`}}).URL)
		if page.Status != http.StatusOK || strings.Contains(page.Body, "<img src=x") || strings.Contains(page.Body, "<script>") || strings.Contains(page.Body, "49") && !strings.Contains(page.Body, "7*7") {
			t.Errorf("%s: %d\n%s", screen, page.Status, page.Body)
		}
		field := map[string]string{"login": "username", "signup": "email"}[screen]
		if got := page.Forms[0].Values.Get(field); got != hint {
			t.Errorf("%s: %s is prefilled with %q", screen, field, got)
		}
	}
}

func TestConsentCanBeDeclined(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	third := blackbox.NewApp(t, b.Server, "third", web2Secret, "https://third.test/cb")
	browser := b.browser(t)
	flow := third.Authorize(url.Values{"scope": {"openid read:things"}, "audience": {"https://api.test"}})
	page := b.signIn(t, browser, flow)
	if page.App || page.URL.Path != "/u/consent" || !strings.Contains(page.Body, "ada@example.com") || !strings.Contains(page.Body, "third") {
		t.Fatalf("want the consent page for ada, got %d %s", page.Status, page.URL)
	}
	if undecided := browser.Submit(page, nil); undecided.App || undecided.Status != http.StatusBadRequest {
		t.Errorf("no answer leads to %d %s", undecided.Status, undecided.URL)
	}
	declined := browser.Submit(page, url.Values{"consent": {"decline"}})
	appError(t, declined, flow, "access_denied")
	if got := declined.Param("error_description"); got != "User did not authorize the request" {
		t.Errorf("error_description is %q", got)
	}
	// Declining is final for this log-in and no agreement for the next.
	refusesPage(t, browser.Submit(page, url.Values{"consent": {"accept"}}))
	next := third.Authorize(url.Values{"scope": {"openid"}, "prompt": {"none"}})
	appError(t, browser.Open(next.URL), next, "consent_required")

	flow = third.Authorize(url.Values{"scope": {"openid read:things"}, "audience": {"https://api.test"}})
	accepted := browser.Submit(browser.Open(flow.URL), url.Values{"consent": {"accept"}})
	tokens := third.Exchange(flow, accepted.Param("code"), nil)
	b.keepTokens(tokens)
	if tokens.Text("scope") != "openid read:things" {
		t.Errorf("granted: %s", tokens.Body)
	}
	for scope, want := range map[string]string{"openid": "", "openid read:things": "", "openid email": "consent_required"} {
		flow := third.Authorize(url.Values{"scope": {scope}, "audience": {"https://api.test"}, "prompt": {"none"}})
		if page := browser.Open(flow.URL); page.Param("error") != want {
			t.Errorf("%s: %s", scope, page.URL)
		}
	}
	// What was allowed for one API says nothing about another, for which the client has no grant anyway.
	flow = third.Authorize(url.Values{"scope": {"openid read:things"}, "audience": {"https://es.test"}})
	appError(t, browser.Open(flow.URL), flow, "unauthorized_client")
	// Asking anew is the app's right, also for apps of the house.
	page = browser.Open(b.spa.Authorize(url.Values{"prompt": {"consent"}}).URL)
	if page.App || page.URL.Path != "/u/consent" {
		t.Errorf("prompt=consent leads to %s", page.URL)
	}
}

func TestFormPost(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	const state = `"><script>alert(1)</script>`
	flow := b.spa.Authorize(url.Values{"response_mode": {"form_post"}, "state": {state}})
	page := b.signIn(t, browser, flow)
	if page.Status != http.StatusOK || len(page.Forms) != 1 || page.Forms[0].Action != appURL || page.Forms[0].Method != http.MethodPost {
		t.Fatalf("%d %v\n%s", page.Status, page.Forms, page.Body)
	}
	values := page.Forms[0].Values
	b.keepSecret(values.Get("code"))
	if values.Get("state") != state || values.Get("iss") != b.Issuer || strings.Contains(page.Body, "<script>alert") {
		t.Errorf("form %v", values)
	}
	tokens := b.spa.Exchange(flow, values.Get("code"), nil)
	b.keepTokens(tokens)
	if tokens.Status != http.StatusOK {
		t.Error(tokens.Error())
	}
	page = b.browser(t).Open(b.spa.Authorize(url.Values{"response_mode": {"form_post"}, "prompt": {"none"}}).URL)
	if len(page.Forms) != 1 || page.Forms[0].Values.Get("error") != "login_required" {
		t.Errorf("error: %d\n%s", page.Status, page.Body)
	}
}

func TestResponseModes(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	b.signIn(t, browser, b.spa.Authorize(nil))
	flow := b.spa.Authorize(url.Values{"response_mode": {"fragment"}})
	page := browser.Open(flow.URL)
	if page.URL.RawQuery != "" || page.Param("code") == "" || page.Param("state") != flow.State {
		t.Errorf("fragment: %s", page.URL)
	}
	b.keepSecret(page.Param("code"))
	flow = b.spa.Authorize(url.Values{"response_mode": {"carrier_pigeon"}})
	appError(t, browser.Open(flow.URL), flow, "invalid_request")
	// An interactive log-in in a pop-up ends in the same message.
	popup := b.browser(t)
	flow = b.spa.Authorize(url.Values{"response_mode": {"web_message"}, "state": {`</script><script>alert(1)</script>`}})
	page = b.signIn(t, popup, flow)
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "authorization_response") || !strings.Contains(page.Body, `"code":`) {
		t.Errorf("pop-up: %d\n%s", page.Status, page.Body)
	}
	if strings.Contains(page.Body, "<script>alert") {
		t.Errorf("the state runs as a script:\n%s", page.Body)
	}
}

// Cookies of one browser, forms of one page and secrets of one kind are good for nothing else.
func TestSecretsOfOneKindAreNoOther(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	flow := b.spa.Authorize(nil)
	login := browser.Open(flow.URL)
	state := login.URL.Query().Get("state")
	page := browser.Submit(login, url.Values{"username": {"ada@example.com"}, "password": {password}})
	code := page.Param("code")
	session := browser.Cookie(sessionCookie)
	for _, secret := range []string{state, session, browser.Cookie(browserCookie), login.Forms[0].Values.Get("_csrf")} {
		invalidGrant(t, b.spa.Exchange(flow, secret, nil))
		invalidGrant(t, b.spa.Refresh(secret, nil))
		if got := b.Userinfo(t, secret).Status; got != http.StatusUnauthorized {
			t.Errorf("userinfo by another kind of secret: %d", got)
		}
	}
	invalidGrant(t, b.spa.Refresh(code, nil))
	refusesPage(t, browser.Open(b.BaseURL+"/authorize/resume?state="+code))
	refusesPage(t, browser.Open(b.BaseURL+"/login/callback?code=x&state="+state))
	tokens := b.spa.Exchange(flow, code, nil)
	b.keepTokens(tokens)
	if tokens.Status != http.StatusOK {
		t.Errorf("the code itself: %s", tokens.Error())
	}
	invalidGrant(t, b.spa.Exchange(flow, tokens.Text("refresh_token"), nil))
	b.keepSecret(code, state, session)
}

// A log-in that was left lying expires, and its form with it.
func TestLogInsExpire(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	page := browser.Open(b.spa.Authorize(nil).URL)
	b.Advance(20 * time.Hour)
	page = browser.Submit(page, url.Values{"username": {"ada@example.com"}, "password": {password}})
	if page.App || page.Status != http.StatusBadRequest {
		t.Errorf("an old form leads to %d %s", page.Status, page.URL)
	}
}

func TestSilentLogInsAfterTheSessionEnded(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: strings.Replace(tenantFile, "default_directory: db", "default_directory: db\n  session_lifetime: 3\n  idle_session_lifetime: 1", 1)})
	browser := b.browser(t)
	b.signIn(t, browser, b.spa.Authorize(nil))
	for range 3 {
		b.Advance(50 * time.Minute)
		if page := silent(t, b, browser); page.Param("code") == "" {
			t.Errorf("used every 50 minutes of 60: %s", page.URL)
		}
	}
	b.Advance(40 * time.Minute) // three hours after the log-in
	if page := silent(t, b, browser); page.Param("error") != "login_required" {
		t.Errorf("after the session's whole life: %s", page.URL)
	}
	idle := b.browser(t)
	b.signIn(t, idle, b.spa.Authorize(nil))
	b.Advance(70 * time.Minute)
	if page := silent(t, b, idle); page.Param("error") != "login_required" {
		t.Errorf("unused for 70 minutes of 60: %s", page.URL)
	}
}
