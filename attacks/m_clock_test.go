package attacks_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// stillIn checks that nobody has to log in again: the session, the access token and the refresh token serve. It returns the
// next refresh token.
func stillIn(t *testing.T, when string, node *blackbox.Server, browser *blackbox.Browser, tokens blackbox.Answer) blackbox.Answer {
	t.Helper()
	if page := silently(t, node, browser); page.Param("code") == "" {
		t.Errorf("%s the session leads to %d %s", when, page.Status, page.URL)
	}
	if a := node.Userinfo(t, tokens.Text("access_token")); a.Status != http.StatusOK {
		t.Errorf("%s the access token's userinfo is %d", when, a.Status)
	}
	next := spaAt(t, node).Refresh(tokens.Text("refresh_token"), nil)
	if next.Status != http.StatusOK {
		t.Fatalf("%s the refresh token gives %s", when, next.Error())
	}
	return next
}

// What was handed out lives by the clock of the node that looks at it. A clock that jumps forward ends what is short: codes
// (a minute) and log-ins on their way (an hour). What lasts longer than the jump stays. A clock that was wrong and is put
// back ends nothing; codes made by the wrong clock live longer by the jump, and still work once only.
func TestM173_TheClockJumpsAnHour(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	node := s.nodes[0]
	s.up.Now = node.Now
	app := spaAt(t, node)
	browser, waiting := browserAt(t, node), browserAt(t, node)
	tokens := s.logIn(t, node, browser, "grace")
	flow := app.Authorize(nil)
	code := browser.Open(flow.URL).Param("code")
	loginPage := waiting.Open(app.Authorize(nil).URL)

	node.Advance(time.Hour)
	tokens = stillIn(t, "an hour forward,", node, browser, tokens)
	invalidGrant(t, app.Exchange(flow, code, nil))
	refusesPage(t, waiting.Submit(loginPage, url.Values{"username": {"ada@example.com"}, "password": {password}}))
	late := browserAt(t, node)
	lateTokens := s.logIn(t, node, late, "hopper")

	// The clock of dev mode starts anew with the process: an hour back.
	node.Restart()
	tokens = stillIn(t, "put back,", node, browser, tokens)
	stillIn(t, "logged in by the wrong clock,", node, late, lateTokens)
	used := app.Authorize(nil)
	usedCode := browser.Open(used.URL).Param("code")
	if a := app.Exchange(used, usedCode, nil); a.Status != http.StatusOK {
		t.Error(a.Error())
	}
	invalidGrant(t, app.Exchange(used, usedCode, nil))
	s.logIn(t, node, browserAt(t, node), "newcomer")
	stillIn(t, "at last,", node, browser, tokens)
}

// Two nodes whose clocks are two minutes apart. Each decides by its own, so a code is of use at the other node for its
// lifetime less or more by the difference: with codes of five minutes a log-in may change nodes at every step, and with the
// default of one minute the node ahead refuses the codes of the one behind. No node takes a code that is older than its
// lifetime and the difference.
func TestM173_TwoNodesWithClocksApart(t *testing.T) {
	t.Parallel()
	const skew, lifetime = 2 * time.Minute, 5 * time.Minute
	s := twoNodes(t, "LATCHKEY_LIFETIMES_CODE="+lifetime.String())
	behind, ahead := s.nodes[0], s.nodes[1]
	ahead.Advance(skew)
	for what, c := range map[string]struct{ from, to *blackbox.Server }{"behind to ahead": {behind, ahead}, "ahead to behind": {ahead, behind}} {
		browser := browserAt(t, c.from)
		flow := spaAt(t, c.from).Authorize(s.through(what, person("clock")))
		code := browser.Open(flow.URL).Param("code")
		tokens := spaAt(t, c.to).Exchange(flow, code, nil)
		if tokens.Status != http.StatusOK {
			t.Fatalf("%s: %s", what, tokens.Error())
		}
		invalidGrant(t, spaAt(t, c.from).Exchange(flow, code, nil)) // replayed: that ends the family
		tokens = s.logIn(t, c.from, browser, "clock")
		next := stillIn(t, what, c.to, browser, tokens)
		stillIn(t, what+" and back", c.from, browser, next)
		if again := spaAt(t, c.to).Refresh(next.Text("refresh_token"), nil); again.Status == http.StatusOK {
			t.Errorf("%s: a refresh token worked twice", what)
		}
	}
	// The code was made by the clock behind; each node refuses it when its own clock says that it is over.
	browser := browserAt(t, behind)
	code := func() (blackbox.Flow, string) {
		flow := spaAt(t, behind).Authorize(s.through(blackbox.Random(), person("clock")))
		return flow, browser.Open(flow.URL).Param("code")
	}
	flow, late := code()
	ahead.Advance(lifetime - skew)
	invalidGrant(t, spaAt(t, ahead).Exchange(flow, late, nil))
	flow, late = code()
	behind.Advance(lifetime)
	invalidGrant(t, spaAt(t, behind).Exchange(flow, late, nil))
}

// With the default lifetime the difference is larger than a code's life: the node ahead refuses, the node behind accepts.
func TestM173_ClocksFurtherApartThanACodeLives(t *testing.T) {
	t.Parallel()
	s := twoNodes(t)
	behind, ahead := s.nodes[0], s.nodes[1]
	ahead.Advance(2 * time.Minute)
	flow := spaAt(t, behind).Authorize(s.through("one", person("clock")))
	code := browserAt(t, behind).Open(flow.URL).Param("code")
	invalidGrant(t, spaAt(t, ahead).Exchange(flow, code, nil))
	if a := spaAt(t, behind).Exchange(flow, code, nil); a.Status != http.StatusOK {
		t.Errorf("the code's own node: %s", a.Error())
	}
}
