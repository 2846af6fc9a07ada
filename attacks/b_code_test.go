package attacks_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// freshCode logs ada in and returns a code that nobody presented yet.
func freshCode(t *testing.T, b *bench, app *blackbox.App, changes url.Values) (blackbox.Flow, string) {
	t.Helper()
	flow := app.Authorize(changes)
	page := b.signIn(t, b.browser(t), flow)
	code := page.Param("code")
	if code == "" {
		t.Fatalf("no code at %s", page.URL)
	}
	return flow, code
}

func TestB20_CodeReplayEndsWhatCameOfIt(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	flow, code := freshCode(t, b, b.spa, nil)
	first := b.spa.Exchange(flow, code, nil)
	b.keepTokens(first)
	if got := b.Userinfo(t, first.Text("access_token")).Status; got != http.StatusOK {
		t.Fatalf("userinfo before the replay: %d", got)
	}
	invalidGrant(t, b.spa.Exchange(flow, code, nil))
	if got := b.Userinfo(t, first.Text("access_token")).Status; got != http.StatusUnauthorized {
		t.Errorf("the access token still works: %d", got)
	}
	invalidGrant(t, b.spa.Refresh(first.Text("refresh_token"), nil))
	invalidGrant(t, b.spa.Exchange(flow, code, nil))
}

func TestB20_TwoExchangesAtOnceGiveOneAnswerAtMost(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	flow, code := freshCode(t, b, b.spa, nil)
	const tries = 8
	answers := make(chan blackbox.Answer, tries)
	for range tries {
		go func() { answers <- b.spa.Exchange(flow, code, nil) }()
	}
	won := 0
	for range tries {
		a := <-answers
		b.keepTokens(a)
		if a.Status == http.StatusOK {
			won++
			if got := b.Userinfo(t, a.Text("access_token")).Status; got != http.StatusUnauthorized && got != http.StatusOK {
				t.Errorf("userinfo: %d", got)
			}
		} else {
			invalidGrant(t, a)
		}
	}
	if won > 1 {
		t.Errorf("%d exchanges of one code succeeded", won)
	}
}

func TestB22_CodeOfAnotherClient(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	flow, code := freshCode(t, b, b.spa, nil)
	invalidGrant(t, b.web.Exchange(flow, code, nil))
	invalidGrant(t, b.spa.Exchange(flow, code, nil)) // burnt

	flow, code = freshCode(t, b, b.web, nil)
	stolen := b.spa.Exchange(flow, code, nil)
	invalidGrant(t, stolen)
}

func TestB23_RedirectURIAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for _, uri := range [][]string{{"https://app.test/cb2"}, nil, {""}, {"https://APP.test/cb"}, {"https://app.test/cb/"}, {webURL}} {
		flow, code := freshCode(t, b, b.spa, nil)
		invalidGrant(t, b.spa.Exchange(flow, code, url.Values{"redirect_uri": uri}))
	}
	// Where the request named none, the exchange needs none.
	flow, code := freshCode(t, b, b.spa, url.Values{"redirect_uri": nil})
	tokens := b.spa.Exchange(flow, code, url.Values{"redirect_uri": nil})
	b.keepTokens(tokens)
	if tokens.Status != http.StatusOK {
		t.Error(tokens.Error())
	}
}

func TestB24B27_WrongVerifiers(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for name, verifier := range map[string][]string{
		"missing": nil, "empty": {""}, "other": {blackbox.Random()}, "42 characters": {strings.Repeat("a", 42)},
		"129 characters": {strings.Repeat("a", 129)}, "percent": {strings.Repeat("%", 43)}, "NUL inside": {strings.Repeat("a", 42) + "\x01"},
		"100 KB": {strings.Repeat("a", 100<<10)},
	} {
		flow, code := freshCode(t, b, b.spa, nil)
		if name == "other" {
			verifier = []string{blackbox.Challenge(flow.Verifier)} // the challenge itself, as plain would have it
		}
		refused := b.spa.Exchange(flow, code, url.Values{"code_verifier": verifier})
		invalidGrant(t, refused)
		if refused.Text("error_description") != "Failed to verify code verifier" {
			t.Errorf("%s: %s", name, refused.Error())
		}
		// One wrong try burns the code.
		invalidGrant(t, b.spa.Exchange(flow, code, nil))
	}
	flow, code := freshCode(t, b, b.spa, nil)
	huge := b.spa.Exchange(flow, code, url.Values{"code_verifier": {strings.Repeat("a", 2<<20)}})
	if huge.Status != http.StatusRequestEntityTooLarge || huge.Text("error") != "invalid_request" {
		t.Errorf("2 MB: %d %s", huge.Status, huge.Body)
	}
}

func TestB25_Downgrade(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	flow := b.spa.Authorize(url.Values{"code_challenge": nil, "code_challenge_method": nil})
	appError(t, b.browser(t).Open(flow.URL), flow, "invalid_request")
	flow = b.spa.Authorize(url.Values{"code_challenge": nil})
	appError(t, b.browser(t).Open(flow.URL), flow, "invalid_request")
	flow = b.spa.Authorize(url.Values{"code_challenge": {""}})
	appError(t, b.browser(t).Open(flow.URL), flow, "invalid_request")

	// Somebody took the challenge off the confidential client's request; its verifier tells.
	flow, code := freshCode(t, b, b.web, url.Values{"code_challenge": nil, "code_challenge_method": nil})
	invalidGrant(t, b.web.Exchange(flow, code, nil))
}

func TestB26_PlainChallenges(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	verifier := blackbox.Random()
	for name, changes := range map[string]url.Values{
		"plain":          {"code_challenge": {verifier}, "code_challenge_method": {"plain"}},
		"no method":      {"code_challenge": {verifier}, "code_challenge_method": nil},
		"S512":           {"code_challenge_method": {"S512"}},
		"lower case":     {"code_challenge_method": {"s256"}},
		"short":          {"code_challenge": {"abc"}},
		"long":           {"code_challenge": {strings.Repeat("a", 129)}},
		"odd characters": {"code_challenge": {strings.Repeat("a", 42) + "+"}},
	} {
		flow := b.spa.Authorize(changes)
		page := b.browser(t).Open(flow.URL)
		appError(t, page, flow, "invalid_request")
		if page.Param("error_description") == "" {
			t.Errorf("%s: no description", name)
		}
	}
	plain := blackbox.NewApp(t, b.Server, "plain", "", "https://plain.test/cb")
	plain.Scope = "openid"
	flow, code := freshCode(t, b, plain, url.Values{"code_challenge": {verifier}, "code_challenge_method": {"plain"}})
	if tokens := plain.Exchange(flow, code, url.Values{"code_verifier": {verifier}}); tokens.Status != http.StatusOK {
		t.Error(tokens.Error())
	}
	// A S256 challenge is never compared as plain, for no client.
	flow, code = freshCode(t, b, plain, nil)
	invalidGrant(t, plain.Exchange(flow, code, url.Values{"code_verifier": {blackbox.Challenge(flow.Verifier)}}))
}

func TestB28_ExpiredCode(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	flow, code := freshCode(t, b, b.spa, nil)
	b.Advance(70 * time.Second)
	invalidGrant(t, b.spa.Exchange(flow, code, nil))
	// A code that expired unused is no replay: whoever logged in stays so.
	flow, code = freshCode(t, b, b.spa, nil)
	b.Advance(30 * time.Second)
	tokens := b.spa.Exchange(flow, code, nil)
	b.keepTokens(tokens)
	if tokens.Status != http.StatusOK {
		t.Error(tokens.Error())
	}
}

func TestB30_CodesStayOutOfRefererAndLog(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	browser := b.browser(t)
	flow := b.spa.Authorize(nil)
	page := browser.Open(flow.URL)
	if got := page.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy of the log-in page is %q", got)
	}
	for _, reference := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.Body, -1) {
		if strings.Contains(reference[1], "//") {
			t.Errorf("the log-in page loads or leads to %s", reference[1])
		}
	}
	done := browser.Submit(page, url.Values{"username": {"ada@example.com"}, "password": {password}})
	if got := done.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy of the redirect with the code is %q", got)
	}
	tokens := b.spa.Exchange(flow, done.Param("code"), nil)
	b.keepTokens(tokens)
	b.keepSecret(done.Param("code"), flow.Verifier, flow.State, flow.Nonce, page.URL.Query().Get("state"), page.Forms[0].Values.Get("_csrf"))
	b.holds(t)
}
