package crash_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// killRefresh kills the product at the uses of refresh tokens: the first of a family and a later one, of clients that
// rotate, that rotate with a leeway, and that don't.
func killRefresh(t *testing.T, w *world) {
	name := w.register("grace")
	browser := blackbox.NewBrowser(t, w.Server, "https://app.test/")
	for _, client := range []string{"spa", "lenient", "fixed"} {
		for n, how := range append([]manner{between}, during...) {
			r := refresher{w: w, app: w.app(t, client), browser: browser, name: name}
			r.survives(t, how, n%2)
		}
	}
}

// refresher is an app that keeps a person logged in. Its browser has an SSO session after the first log-in.
type refresher struct {
	w       *world
	app     *blackbox.App
	browser *blackbox.Browser
	name    string
}

// survives uses a family's token of a generation, from 0, with a kill, and checks what came of it.
func (r refresher) survives(t *testing.T, how manner, generation int) {
	t.Helper()
	began := r.logIn(t)
	held := began
	for range generation {
		held = r.refreshed(t, held)
	}
	token := held.Text("refresh_token")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	r.w.interrupt(t, r.w.tokenRequest(t, r.app.ID, form), how)
	answer := r.app.Refresh(token, nil)
	switch {
	case answer.Status == http.StatusOK:
		if how == unread && r.app.ID == "spa" {
			t.Errorf("a token that was exchanged before the kill was exchanged again")
		}
		r.w.tally.outcomes[finished]++
		held = r.stays(t, held, answer)
	case r.app.ID == "spa" && how != between && answer.Text("error") == "invalid_grant":
		// The answer was lost and with it the new token: the old one counts as stolen.
		r.w.isDead(t, r.app, held)
		r.w.heldOnly(t)
		r.w.tally.outcomes[toldByApp]++
		held = r.logIn(t)
		r.w.heldOnly(t, held.Text("refresh_token"))
	default:
		t.Fatalf("%s, %s: %s", r.app.ID, how, answer.Error())
	}
	if revoked := r.app.Revoke(held.Text("refresh_token"), nil); revoked.Status != http.StatusOK {
		t.Fatal(revoked.Error())
	}
	r.w.isDead(t, r.app, held)
	r.w.heldOnly(t)
}

// stays checks that the app holds the one good token of its family after a refresh, also after another kill.
func (r refresher) stays(t *testing.T, before, held blackbox.Answer) blackbox.Answer {
	t.Helper()
	rotated := held.Text("refresh_token") != before.Text("refresh_token")
	if rotated != (r.app.ID != "fixed") {
		t.Errorf("%s: rotated: %v", r.app.ID, rotated)
	}
	r.w.heldOnly(t, held.Text("refresh_token"))
	_, claims := blackbox.Claims(t, held.Text("id_token"))
	r.w.answersAs(t, held.Text("access_token"), claims["sub"].(string))
	return r.refreshed(t, held)
}

func (r refresher) refreshed(t *testing.T, held blackbox.Answer) blackbox.Answer {
	t.Helper()
	answer := r.app.Refresh(held.Text("refresh_token"), nil)
	if answer.Status != http.StatusOK {
		t.Fatal(answer.Error())
	}
	r.w.heldOnly(t, answer.Text("refresh_token"))
	return answer
}

func (r refresher) logIn(t *testing.T) blackbox.Answer {
	t.Helper()
	flow := r.app.Authorize(url.Values{"connection": {"up"}, "login_hint": {r.name}})
	page := r.browser.Open(flow.URL)
	if !page.App || page.Param("code") == "" {
		t.Fatalf("the browser is at %s:\n%s", page.URL, page.Body)
	}
	tokens := r.app.Exchange(flow, page.Param("code"), nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	return tokens
}
