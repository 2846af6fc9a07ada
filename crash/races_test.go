package crash_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

const crowd = 64

// atOnce runs work n times at the same moment and returns the results in order.
func atOnce[T any](n int, work func(int) T) []T {
	results, start := make([]T, n), make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			results[i] = work(i)
		})
	}
	close(start)
	running.Wait()
	return results
}

// logInThrough logs somebody in at the provider and returns the app's tokens.
func (w *world) logInThrough(t *testing.T, app *blackbox.App, name string) blackbox.Answer {
	t.Helper()
	flow, code := w.codeOf(t, app, name)
	tokens := app.Exchange(flow, code, nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	return tokens
}

// codeOf logs somebody in at the provider with a new browser and returns the app's code.
func (w *world) codeOf(t *testing.T, app *blackbox.App, name string) (blackbox.Flow, string) {
	t.Helper()
	flow := app.Authorize(url.Values{"connection": {"up"}, "login_hint": {name}})
	page := blackbox.NewBrowser(t, w.Server, callback).Open(flow.URL)
	if !page.App || page.Param("code") == "" {
		t.Fatalf("the browser is at %s:\n%s", page.URL, page.Body)
	}
	return flow, page.Param("code")
}

// arrival is somebody who is about to come back from the provider.
type arrival struct {
	flow    blackbox.Flow
	browser *blackbox.Browser
	address string
}

// arrivals brings as many browsers as asked to the point where the provider sends them back.
func (w *world) arrivals(t *testing.T, app *blackbox.App, name string, n int) []arrival {
	t.Helper()
	list := make([]arrival, n)
	for i := range list {
		a := arrival{flow: app.Authorize(url.Values{"connection": {"up"}, "login_hint": {name}})}
		a.browser = blackbox.NewBrowser(t, w.Server, callback, w.BaseURL+"/login/callback")
		page := a.browser.Open(a.flow.URL)
		if !page.App {
			t.Fatalf("the browser is at %s:\n%s", page.URL, page.Body)
		}
		a.browser.Apps, a.address = []string{callback}, page.URL.String()
		list[i] = a
	}
	return list
}

func TestManyFirstLogInsOfOnePersonMakeOneUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, name := w.app(t, "spa"), w.register("grace")
	people := w.arrivals(t, app, name, crowd)
	answers := atOnce(crowd, func(i int) blackbox.Answer {
		page := people[i].browser.Open(people[i].address)
		if !page.App || page.Param("code") == "" {
			return blackbox.Answer{Status: page.Status, Body: page.URL.String() + "\n" + page.Body}
		}
		return app.Exchange(people[i].flow, page.Param("code"), nil)
	})
	userID := w.storedOnceThroughProvider(t, name)
	for i, answer := range answers {
		if answer.Status != http.StatusOK {
			t.Fatalf("log-in %d of %d: %d %s", i, crowd, answer.Status, answer.Body)
		}
		w.answersAs(t, answer.Text("access_token"), userID)
	}
	count := w.query(t, "SELECT logins_count FROM users WHERE id = ?", userID)
	if want := fmt.Sprint(crowd); count[0] != want {
		t.Errorf("%s log-ins were counted, want %s", count[0], want)
	}
}

func (w *world) storedOnceThroughProvider(t *testing.T, name string) string {
	t.Helper()
	userID := w.storedOnce(t, name+"@example.com")
	if !strings.HasSuffix(userID, "|"+name) {
		t.Errorf("the user is %s, want one made from the provider's subject %s", userID, name)
	}
	return userID
}

// A code that is presented twice is a stolen one: at most one presenter gets tokens, and not for long. Where another comes
// before the tokens are stored, nobody gets any (RFC 6749 §4.1.2).
func TestManyExchangesOfOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, name := w.app(t, "spa"), w.register("grace")
	for round := range 4 {
		flow, code := w.codeOf(t, app, name)
		answers := atOnce(crowd, func(int) blackbox.Answer { return app.Exchange(flow, code, nil) })
		if given := w.refusedBut(t, answers); len(given) > 1 {
			t.Errorf("round %d: %d answers with tokens, want at most one", round, len(given))
		} else if len(given) == 1 {
			w.isDead(t, app, given[0])
		}
		w.heldOnly(t)
	}
	flow, code := w.codeOf(t, app, name)
	tokens := app.Exchange(flow, code, nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	w.heldOnly(t, tokens.Text("refresh_token"))
	if given := w.refusedBut(t, atOnce(crowd, func(int) blackbox.Answer { return app.Exchange(flow, code, nil) })); len(given) > 0 {
		t.Errorf("%d more answers with tokens for a code that was exchanged", len(given))
	}
	w.isDead(t, app, tokens)
	w.heldOnly(t)
}

// refusedBut returns the answers with tokens and checks that all others are invalid_grant.
func (w *world) refusedBut(t *testing.T, answers []blackbox.Answer) (given []blackbox.Answer) {
	t.Helper()
	for _, answer := range answers {
		switch {
		case answer.Status == http.StatusOK:
			given = append(given, answer)
		case answer.Status != http.StatusForbidden || answer.Text("error") != "invalid_grant":
			t.Errorf("refused with %s, want invalid_grant", answer.Error())
		}
	}
	return given
}

func TestManyRefreshesWithoutLeeway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, name := w.app(t, "spa"), w.register("grace")
	for round := range 4 {
		tokens := w.logInThrough(t, app, name)
		answers := atOnce(crowd, func(int) blackbox.Answer { return app.Refresh(tokens.Text("refresh_token"), nil) })
		given := w.refusedBut(t, answers)
		if len(given) > 1 {
			t.Errorf("round %d: %d answers with tokens, want at most one", round, len(given))
		}
		// The others counted as a reuse, which ends the family.
		for _, one := range append(given, tokens) {
			w.isDead(t, app, one)
		}
		w.heldOnly(t)
	}
}

func TestManyRefreshesWithinTheLeeway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, name := w.app(t, "lenient"), w.register("grace")
	tokens := w.logInThrough(t, app, name)
	answers := atOnce(crowd, func(int) blackbox.Answer { return app.Refresh(tokens.Text("refresh_token"), nil) })
	given := w.refusedBut(t, answers)
	if len(given) != crowd {
		t.Fatalf("%d of %d refreshes within the leeway succeeded", len(given), crowd)
	}
	secrets := map[string]bool{}
	for _, one := range given {
		secrets[one.Text("refresh_token")] = true
	}
	if len(secrets) != crowd {
		t.Errorf("%d different refresh tokens for %d answers", len(secrets), crowd)
	}
	if heads := w.query(t, "SELECT lower(hex(hash)) FROM refresh_tokens WHERE retired_at = 0"); len(heads) != 1 {
		t.Errorf("%d tokens of the family are live, want one", len(heads))
	}
	w.Advance(11 * time.Second) // past the leeway, and less than anything else's end
	if late := app.Refresh(tokens.Text("refresh_token"), nil); late.Status != http.StatusForbidden {
		t.Errorf("after the leeway the old token gives %s", late.Error())
	}
	w.heldOnly(t)
}

func TestManySignUpsWithOneAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 32
	form := map[string]string{"client_id": "spa", "connection": "db", "email": "eve@example.com", "password": password}
	created := 0
	for _, answer := range atOnce(many, func(int) blackbox.Answer { return w.PostJSON(t, "/dbconnections/signup", form) }) {
		switch {
		case answer.Status == http.StatusOK:
			created++
		case answer.Status != http.StatusBadRequest || answer.Text("code") != "user_exists":
			t.Errorf("refused with %d %s, want user_exists", answer.Status, answer.Body)
		}
	}
	if created != 1 {
		t.Errorf("%d of %d sign-ups succeeded, want one", created, many)
	}
	w.storedOnce(t, "eve@example.com")
}

// Log-ins read a user, change it and write it back. A block that comes in between must not be lost.
func TestABlockDuringLogInsHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, name := w.app(t, "spa"), w.register("grace")
	before := w.logInThrough(t, app, name)
	userID := w.storedOnceThroughProvider(t, name)
	admin := w.admin(t)
	people := w.arrivals(t, app, name, crowd)
	block := func() blackbox.Answer {
		return w.Do(t, http.MethodPatch, "/api/v2/users/"+url.PathEscape(userID), "application/json", `{"blocked":true}`, admin)
	}
	logIn := func(a arrival) blackbox.Answer {
		page := a.browser.Open(a.address)
		if page.App && page.Param("code") != "" {
			return app.Exchange(a.flow, page.Param("code"), nil)
		}
		return blackbox.Answer{Status: page.Status, JSON: map[string]any{"error": page.Param("error")}}
	}
	answers := atOnce(crowd+1, func(i int) blackbox.Answer {
		switch middle := crowd / 2; {
		case i < middle:
			return logIn(people[i])
		case i > middle:
			return logIn(people[i-1])
		}
		return block()
	})
	for i, answer := range answers {
		if answer.Status != http.StatusOK && answer.Text("error") != "unauthorized" {
			t.Errorf("request %d: %s\n%s", i, answer.Error(), answer.Body)
		}
	}
	for _, one := range append(answers, before) {
		if token := one.Text("access_token"); token != "" {
			if answer := w.Userinfo(t, token); answer.Status != http.StatusUnauthorized {
				t.Errorf("userinfo answers %d for a blocked person", answer.Status)
			}
			if answer := app.Refresh(one.Text("refresh_token"), nil); answer.Status != http.StatusForbidden {
				t.Errorf("a blocked person's refresh gives %s", answer.Error())
			}
		}
	}
	flow := app.Authorize(url.Values{"connection": {"up"}, "login_hint": {name}})
	if page := blackbox.NewBrowser(t, w.Server, callback).Open(flow.URL); page.Param("error") != "unauthorized" {
		t.Errorf("a blocked person's log-in ends at %s", page.URL)
	}
}
