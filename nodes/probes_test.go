package nodes_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// longest is how long any answer may take during an outage: 10 s, and some more where the race detector slows everything.
const longest = 12 * time.Second

// needs are the stores that an answer depends on.
type needs struct{ redis, reads, writes bool }

// dialect is the form in which a caller is told that something is not available.
type dialect func(blackbox.Answer) bool

func oauthJSON(a blackbox.Answer) bool {
	return a.Text("error") == "temporarily_unavailable" && a.Text("error_description") != ""
}

func htmlPage(a blackbox.Answer) bool {
	return strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") && strings.Contains(a.Body, "</html>")
}

func managementJSON(a blackbox.Answer) bool {
	return a.JSON["statusCode"] == json.Number("503") && a.Text("message") != ""
}

func signUpJSON(a blackbox.Answer) bool { return a.JSON != nil && a.Body != "" }

// probe is one request that somebody sends during an outage.
type probe struct {
	name   string
	needs  needs
	status int // where its stores are available
	told   dialect
	send   func(testing.TB) blackbox.Answer
}

// visitor is what people, apps and operators hold when an outage begins.
type visitor struct {
	p                 *pair
	opaque, jwt       blackbox.Answer
	login             *blackbox.Page // the form of somebody who is about to log in
	guest             *blackbox.Browser
	member, leaver    *blackbox.Browser // have sessions
	flow, guestFlow   blackbox.Flow
	code              string
	userPath, address string
}

// arrive lets everybody get ready.
func (p *pair) arrive(t *testing.T) *visitor {
	t.Helper()
	v := &visitor{p: p, guest: p.browser(t), member: p.browser(t), leaver: p.browser(t), address: blackbox.Random() + "@example.com"}
	app, name := p.app(t, "spa"), p.register("grace")
	v.opaque = p.logIn(t, app, v.member, name)
	p.logIn(t, app, v.leaver, name)
	withAPI := through(name)
	withAPI.Set("audience", audience)
	flow := app.Authorize(withAPI)
	v.jwt = exchanged(t, app, flow, v.member.Open(flow.URL))
	v.flow = app.Authorize(through(name))
	v.code = v.member.Open(v.flow.URL).Param("code")
	v.guestFlow = app.Authorize(nil)
	v.login = v.guest.Open(v.guestFlow.URL)
	v.userPath = "users/" + url.PathEscape(p.idOf(t, "grace@example.com"))
	p.admin(t)
	if t.Failed() || v.code == "" || len(v.login.Forms) == 0 {
		t.Fatalf("nothing can be tried: code %q, log-in page at %s", v.code, v.login.URL)
	}
	return v
}

// answer is a page as an Answer.
func answer(page *blackbox.Page) blackbox.Answer {
	return blackbox.Answer{Status: page.Status, Header: page.Header, Body: page.Body}
}

// probes is every kind of request.
func (v *visitor) probes() []probe {
	p := v.p
	get := func(path string) func(testing.TB) blackbox.Answer {
		return func(t testing.TB) blackbox.Answer { return p.Do(t, http.MethodGet, path, "", "", nil) }
	}
	list := []probe{
		{"key set", needs{}, 200, nil, get("/.well-known/jwks.json")},
		{"discovery", needs{}, 200, nil, get("/.well-known/openid-configuration")},
		{"liveness", needs{}, 200, nil, get("/healthz")},
		{"machine's token", needs{}, 200, nil, func(t testing.TB) blackbox.Answer { return machine(t, p.Server, p.Issuer) }},
		{"a person, by opaque token", needs{reads: true}, 200, oauthJSON, func(t testing.TB) blackbox.Answer {
			return p.Userinfo(t, v.opaque.Text("access_token"))
		}},
		{"a person, by JWT", needs{reads: true}, 200, oauthJSON, func(t testing.TB) blackbox.Answer {
			return p.Userinfo(t, v.jwt.Text("access_token"))
		}},
		{"refresh", needs{reads: true, writes: true}, 200, oauthJSON, func(t testing.TB) blackbox.Answer {
			return p.app(t, "spa").Refresh(v.jwt.Text("refresh_token"), nil)
		}},
		{"password grant", needs{reads: true, writes: true}, 200, oauthJSON, func(t testing.TB) blackbox.Answer {
			return p.PostForm(t, "/oauth/token", url.Values{
				"grant_type": {"password"}, "client_id": {"web"}, "client_secret": {webSecret}, "username": {"ada@example.com"},
				"password": {password}, "scope": {"openid"},
			})
		}},
		{"reading a user", needs{reads: true}, 200, managementJSON, func(t testing.TB) blackbox.Answer {
			return p.manage(t, p.Server, http.MethodGet, v.userPath, "")
		}},
		{"changing a user", needs{reads: true, writes: true}, 200, managementJSON, func(t testing.TB) blackbox.Answer {
			return p.manage(t, p.Server, http.MethodPatch, v.userPath, `{"user_metadata":{"outage":true}}`)
		}},
		{"sign-up through the API", needs{reads: true, writes: true}, 200, signUpJSON, func(t testing.TB) blackbox.Answer {
			return p.PostJSON(t, "/dbconnections/signup", map[string]string{
				"client_id": "spa", "connection": "db", "email": v.address, "password": password,
			})
		}},
	}
	return append(list, v.browserProbes()...)
}

func (v *visitor) browserProbes() []probe {
	p := v.p
	return []probe{
		{"beginning a log-in", needs{redis: true}, 200, htmlPage, func(t testing.TB) blackbox.Answer {
			return answer(p.browser(t).Open(p.app(t, "spa").Authorize(nil).URL))
		}},
		{"silent log-in", needs{redis: true, reads: true}, 302, htmlPage, func(t testing.TB) blackbox.Answer {
			return answer(v.member.Open(p.app(t, "spa").Authorize(url.Values{"prompt": {"none"}}).URL))
		}},
		{"log-in page", needs{redis: true}, 200, htmlPage, func(testing.TB) blackbox.Answer {
			return answer(v.guest.Open(v.login.URL.String()))
		}},
		{"code exchange", needs{redis: true, reads: true, writes: true}, 200, oauthJSON, func(t testing.TB) blackbox.Answer {
			return p.app(t, "spa").Exchange(v.flow, v.code, nil)
		}},
		{"password log-in", needs{redis: true, reads: true, writes: true}, 302, htmlPage, func(testing.TB) blackbox.Answer {
			form := v.login.Forms[0]
			sent := maps.Clone(form.Values)
			maps.Copy(sent, url.Values{"username": {"ada@example.com"}, "password": {password}})
			return answer(v.guest.Post(form.Action, sent))
		}},
		{"log-out", needs{redis: true}, 302, htmlPage, func(testing.TB) blackbox.Answer {
			return answer(v.leaver.Open(p.BaseURL + "/v2/logout?client_id=spa&returnTo=" + url.QueryEscape("https://app.test/bye")))
		}},
	}
}

// during sends everything at once in an outage of what lost says, and checks who is told what.
func (v *visitor) during(t *testing.T, lost needs) {
	t.Helper()
	var running sync.WaitGroup
	for _, one := range v.probes() {
		running.Go(func() {
			began := time.Now()
			got := one.send(t)
			took := time.Since(began)
			want := one.status
			if one.needs.redis && lost.redis || one.needs.reads && lost.reads || one.needs.writes && lost.writes {
				want = http.StatusServiceUnavailable
			}
			if got.Status != want {
				t.Errorf("%s answers %d, want %d: %.200s", one.name, got.Status, want, got.Body)
			} else if want == http.StatusServiceUnavailable && (got.Header.Get("Retry-After") == "" || !one.told(got)) {
				t.Errorf("%s: Retry-After %q, and %.300s", one.name, got.Header.Get("Retry-After"), got.Body)
			}
			if took > longest {
				t.Errorf("%s took %s", one.name, took)
			}
		})
	}
	for _, node := range v.p.nodes {
		running.Go(func() {
			blackbox.Eventually(t, patience, "the node says that it is not ready", func() bool { return !ready(t, node) })
		})
	}
	running.Wait()
}

// goesOn checks that a log-in that was answered 503 in the middle ends well when its form is sent again.
func (v *visitor) goesOn(t *testing.T) {
	t.Helper()
	page := fill(t, v.guest, v.login, url.Values{"username": {"ada@example.com"}, "password": {password}})
	exchanged(t, v.p.app(t, "spa"), v.guestFlow, page)
}

func ready(t testing.TB, node *blackbox.Server) bool {
	return node.Do(t, http.MethodGet, "/readyz", "", "", nil).Status == http.StatusOK
}

// after waits until both nodes are ready by themselves, and checks that everything works.
func (p *pair) after(t *testing.T) {
	t.Helper()
	for _, node := range p.nodes {
		blackbox.Eventually(t, patience, "the node is ready again", func() bool { return ready(t, node) })
	}
	v := p.arrive(t)
	// One after the other: a code, a form and a refresh token are for one use.
	for _, one := range v.probes() {
		if got := one.send(t); got.Status != one.status {
			t.Errorf("after the outage %s answers %d, want %d: %.200s", one.name, got.Status, one.status, got.Body)
		}
	}
	p.sound(t)
	p.noErrors(t)
}
