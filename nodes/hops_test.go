package nodes_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// Every request goes to the other node than the one before, so each step here finds what the other node stored.
func TestEveryRequestMayReachAnotherNode(t *testing.T) {
	p := newPair(t, setup{})
	app, browser, name := p.app(t, "spa"), p.browser(t), p.register("grace")
	t.Run("log-in at a provider", func(t *testing.T) {
		tokens := p.logIn(t, app, browser, name)
		for _, node := range p.nodes {
			if answer := node.Userinfo(t, tokens.Text("access_token")); answer.Text("email") != "grace@example.com" {
				t.Errorf("userinfo answers %d %s", answer.Status, answer.Body)
			}
		}
	})
	t.Run("silent log-in, log-out, and no silent log-in", func(t *testing.T) {
		silent := url.Values{"prompt": {"none"}}
		for range 2 {
			if page := browser.Open(app.Authorize(silent).URL); page.Param("code") == "" {
				t.Errorf("with a session: %s", page.URL)
			}
		}
		if page := browser.Open(p.BaseURL + "/v2/logout?client_id=spa&returnTo=" + url.QueryEscape("https://app.test/bye")); !page.App {
			t.Errorf("log-out ends at %s with %d", page.URL, page.Status)
		}
		for range 2 {
			if page := browser.Open(app.Authorize(silent).URL); page.Param("error") != "login_required" {
				t.Errorf("after log-out: %s", page.URL)
			}
		}
	})
	t.Run("sign-up, log-in with the password, refreshes", func(t *testing.T) {
		p.withPassword(t, app, p.browser(t), "eve@example.com", true)
		held := p.withPassword(t, app, p.browser(t), "eve@example.com", false)
		for range 5 {
			next := app.Refresh(held.Text("refresh_token"), nil)
			if next.Status != http.StatusOK {
				t.Fatal(next.Error())
			}
			if again := app.Refresh(held.Text("refresh_token"), nil); again.Text("error") != "invalid_grant" {
				t.Fatalf("a used refresh token gives %s", again.Error())
			}
			held = p.withPassword(t, app, p.browser(t), "eve@example.com", false)
		}
	})
	t.Run("a person's change", func(t *testing.T) {
		path := "users/" + url.PathEscape(p.idOf(t, "eve@example.com"))
		for n := range 6 {
			p.manage(t, p.nodes[n%2], http.MethodPatch, path, fmt.Sprintf(`{"user_metadata":{"step":%d}}`, n))
			got := p.manage(t, p.nodes[(n+1)%2], http.MethodGet, path, "")
			if !strings.Contains(got.Body, fmt.Sprintf(`"step":%d`, n)) {
				t.Errorf("change %d is not seen on the other node: %s", n, got.Body)
			}
		}
	})
	t.Run("agreement", func(t *testing.T) {
		third, browser := p.app(t, "third"), p.browser(t)
		third.Scope = "openid read:things"
		asks := through(name)
		asks.Set("audience", audience)
		flow := third.Authorize(asks)
		page := browser.Open(flow.URL)
		if page.App {
			t.Fatalf("nobody was asked: %s", page.URL)
		}
		exchanged(t, third, flow, fill(t, browser, page, url.Values{"consent": {"accept"}}))
		asks.Set("prompt", "none")
		flow = third.Authorize(asks)
		exchanged(t, third, flow, browser.Open(flow.URL)) // is not asked again
	})
	p.sound(t)
	p.noErrors(t)
}

func TestACrowdOfManyPeople(t *testing.T) {
	p := newPair(t, setup{})
	app := p.app(t, "spa")
	for i := range crowd {
		p.register(fmt.Sprintf("person-%d", i))
	}
	held := atOnce(crowd, func(i int) blackbox.Answer { return p.logIn(t, app, p.browser(t), fmt.Sprintf("person-%d", i)) })
	only(t, "log-ins", http.StatusOK, held)
	held = atOnce(crowd, func(i int) blackbox.Answer { return app.Refresh(held[i].Text("refresh_token"), nil) })
	only(t, "refreshes", http.StatusOK, held)
	only(t, "userinfo", http.StatusOK, atOnce(crowd, func(i int) blackbox.Answer { return p.Userinfo(t, held[i].Text("access_token")) }))
	only(t, "sign-ups", http.StatusOK, atOnce(crowd/4, func(i int) blackbox.Answer {
		return p.withPassword(t, app, p.browser(t), fmt.Sprintf("new-%d@example.com", i), true)
	}))
	if users := p.rows(t, "SELECT id FROM users"); len(users) != crowd+crowd/4+1 {
		t.Errorf("%d users, want each once: %d", len(users), crowd+crowd/4+1)
	}
	p.sound(t)
	p.noErrors(t)
}

func TestACrowdOfOnePerson(t *testing.T) {
	p := newPair(t, setup{})
	app, name := p.app(t, "spa"), p.register("grace")
	held := atOnce(crowd, func(int) blackbox.Answer { return p.logIn(t, app, p.browser(t), name) })
	only(t, "first log-ins", http.StatusOK, held)
	id := p.idOf(t, "grace@example.com")
	if count := p.rows(t, "SELECT logins_count::text FROM users WHERE id = $1", id); count[0] != fmt.Sprint(crowd) {
		t.Errorf("%s log-ins were counted, want %d", count[0], crowd)
	}
	t.Run("one browser's log-ins", func(t *testing.T) {
		browser := p.browser(t)
		p.logIn(t, app, browser, name)
		only(t, "silent log-ins", http.StatusOK, atOnce(crowd, func(int) blackbox.Answer {
			flow := app.Authorize(url.Values{"prompt": {"none"}})
			return exchanged(t, app, flow, browser.Open(flow.URL))
		}))
	})
	t.Run("one refresh token", func(t *testing.T) {
		answers := atOnce(crowd, func(int) blackbox.Answer { return app.Refresh(held[0].Text("refresh_token"), nil) })
		if got := statuses(answers); got[http.StatusOK] > 1 || got[http.StatusOK]+got[http.StatusForbidden] != crowd {
			t.Errorf("statuses %v, want at most one success and else 403", got)
		}
	})
	t.Run("one code", func(t *testing.T) {
		flow := app.Authorize(through(name))
		page := p.browser(t).Open(flow.URL)
		answers := atOnce(crowd, func(int) blackbox.Answer { return app.Exchange(flow, page.Param("code"), nil) })
		if got := statuses(answers); got[http.StatusOK] > 1 || got[http.StatusOK]+got[http.StatusForbidden] != crowd {
			t.Errorf("statuses %v, want at most one success and else 403", got)
		}
	})
	t.Run("one address", func(t *testing.T) {
		form := map[string]string{"client_id": "spa", "connection": "db", "email": "eve@example.com", "password": password}
		got := statuses(atOnce(crowd/4, func(int) blackbox.Answer { return p.PostJSON(t, "/dbconnections/signup", form) }))
		if want := map[int]int{http.StatusOK: 1, http.StatusBadRequest: crowd/4 - 1}; !cmp.Equal(want, got) {
			t.Errorf("statuses %v, want %v", got, want)
		}
	})
	t.Run("changes of different keys", func(t *testing.T) {
		path := "users/" + url.PathEscape(id)
		only(t, "changes", http.StatusOK, atOnce(crowd, func(i int) blackbox.Answer {
			return p.manage(t, p.nodes[i%2], http.MethodPatch, path, fmt.Sprintf(`{"user_metadata":{"key-%d":%d},"app_metadata":{"key-%d":%d}}`, i, i, i, i))
		}))
		user := p.manage(t, p.Server, http.MethodGet, path, "").JSON
		for _, part := range []string{"user_metadata", "app_metadata"} {
			if kept, ok := user[part].(map[string]any); !ok || len(kept) != crowd {
				t.Errorf("%d keys of %s are kept, want %d", len(kept), part, crowd)
			}
		}
	})
	t.Run("agreements", func(t *testing.T) {
		third := p.app(t, "third")
		only(t, "agreements", http.StatusOK, atOnce(crowd/2, func(int) blackbox.Answer {
			flow, browser := third.Authorize(through(name)), p.browser(t)
			page := browser.Open(flow.URL)
			if !page.App { // who comes late finds the agreement of another
				page = fill(t, browser, page, url.Values{"consent": {"accept"}})
			}
			return exchanged(t, third, flow, page)
		}))
	})
	p.sound(t)
	p.noErrors(t)
}
