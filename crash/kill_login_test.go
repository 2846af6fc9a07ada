package crash_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// traveller is a person with a browser on the way through a log-in to an app.
type traveller struct {
	w       *world
	app     *blackbox.App
	browser *blackbox.Browser
	asks    url.Values // what the app asks of /authorize
	email   string

	flow  blackbox.Flow
	codes []presented // every code that the app got
}

// presented is a code with the log-in it belongs to.
type presented struct {
	flow blackbox.Flow
	code string
}

func (w *world) traveller(t *testing.T, email string, asks url.Values) *traveller {
	return &traveller{
		w: w, app: w.app(t, "spa"), browser: blackbox.NewBrowser(t, w.Server, "https://app.test/"), asks: asks, email: email,
	}
}

// hop is one request of a log-in; "/oauth/token" is the app's, all others are the browser's.
type hop struct {
	method, address string
	form            url.Values
}

func (h hop) path(t *testing.T) string {
	t.Helper()
	at, err := url.Parse(h.address)
	if err != nil {
		t.Fatal(err)
	}
	return at.Path
}

// moment is where in a log-in the product is killed.
type moment struct {
	path string // of the request before or during which it happens
	how  manner
	// provider is an address of the identity provider; the kill happens while the product waits for its answer. It goes
	// before how.
	provider string
}

// shared are the hops of all log-ins; one kind of log-in is killed during them for all.
var shared = []string{"/authorize", "/authorize/resume", "/oauth/token"}

// loginMoments are the moments of a log-in with these hops: before each, after the last answer, and during those that are
// its own.
func loginMoments(paths, own []string) []moment {
	var list []moment
	for _, path := range paths {
		list = append(list, moment{path: path, how: between})
		for _, how := range during {
			if slices.Contains(own, path) {
				list = append(list, moment{path: path, how: how})
			}
		}
	}
	return append(list, moment{path: "", how: between})
}

func killProviderLogIn(t *testing.T, w *world) {
	paths := []string{"/authorize", "/u/login", "/idp.test/authorize", "/login/callback", "/authorize/resume", "/oauth/token"}
	moments := loginMoments(paths, append([]string{"/u/login", "/login/callback"}, shared...))
	for _, document := range []string{"idp.test/token", "idp.test/jwks", "idp.test/.well-known/openid-configuration"} {
		at := "/login/callback"
		if strings.HasSuffix(document, "openid-configuration") {
			at = "/u/login"
		}
		moments = append(moments, moment{path: at, provider: document})
	}
	for n, m := range moments {
		if m.provider != "" && n > 0 {
			w.Restart() // forgets what it learnt from the provider, so that it asks again
		}
		name := w.register(fmt.Sprintf("person-%d", n))
		person := w.traveller(t, name+"@example.com", url.Values{"connection": {"up"}, "login_hint": {name}})
		person.survives(t, m)
	}
}

func killPasswordLogIn(t *testing.T, w *world) {
	paths := []string{"/authorize", "/u/login", "/u/login POST", "/authorize/resume", "/oauth/token"}
	for _, m := range loginMoments(paths, []string{"/u/login", "/u/login POST"}) {
		w.traveller(t, "ada@example.com", url.Values{}).survives(t, m)
	}
}

func killSignUp(t *testing.T, w *world) {
	paths := []string{"/authorize", "/u/signup", "/u/signup POST", "/authorize/resume", "/oauth/token"}
	for n, m := range loginMoments(paths, []string{"/u/signup", "/u/signup POST"}) {
		email := fmt.Sprintf("person-%d@example.com", n)
		w.traveller(t, email, url.Values{"screen_hint": {"signup"}}).survives(t, m)
	}
}

// survives logs somebody in with a kill at a moment, and checks what came of it.
func (p *traveller) survives(t *testing.T, m moment) {
	t.Helper()
	kills := p.w.tally.kills
	tokens, came := p.logIn(t, &m)
	if p.w.tally.kills != kills+1 {
		t.Fatalf("%+v: the log-in never came there: %v", m, p.browser.Trail())
	}
	if tokens.Status != http.StatusOK {
		tokens, _ = p.logIn(t, nil)
	}
	if tokens.Status != http.StatusOK {
		t.Fatalf("%+v: %s, and then no new log-in: %s\n%s", m, came, tokens.Error(), tokens.Body)
	}
	p.w.tally.outcomes[came]++
	if m.how == between && came != finished && m.provider == "" {
		t.Errorf("%+v: nothing was on its way, and yet: %s", m, came)
	}
	userID := p.w.storedOnce(t, p.email)
	p.w.answersAs(t, tokens.Text("access_token"), userID)
	p.w.heldOnly(t, tokens.Text("refresh_token"))
	for _, one := range p.codes {
		if again := p.app.Exchange(one.flow, one.code, nil); again.Status != http.StatusForbidden || again.Text("error") != "invalid_grant" {
			t.Errorf("%+v: a code that was used gives %s, want invalid_grant", m, again.Error())
		}
	}
	p.w.isDead(t, p.app, tokens)
	p.w.heldOnly(t)
}

// maxHops is more than any log-in needs.
const maxHops = 12

// logIn goes through a log-in, with a kill where m says, after which the person repeats their last request, as a browser's
// reload does. It returns the app's tokens, or an answer of another status where somebody was told to begin again.
func (p *traveller) logIn(t *testing.T, m *moment) (blackbox.Answer, outcome) {
	t.Helper()
	p.flow = p.app.Authorize(p.asks)
	next, came := hop{method: http.MethodGet, address: p.flow.URL}, finished
	for range maxHops {
		if m != nil && p.reached(t, *m, next) {
			p.kill(t, *m, next)
			m = nil
		}
		page := p.browser.Step(next.method, next.address, next.form)
		location := page.Header.Get("Location")
		switch {
		case strings.HasPrefix(location, callback):
			tokens, end := p.exchange(t, m, location)
			if end == finished {
				end = came
			}
			return tokens, end
		case location != "":
			target, err := page.URL.Parse(location)
			if err != nil {
				t.Fatal(err)
			}
			next = hop{method: http.MethodGet, address: target.String()}
		case page.Status == http.StatusOK:
			next = p.fillIn(t, page)
		case page.Link("Log in") != "":
			came = toldAccount
			next = hop{method: http.MethodGet, address: page.Link("Log in")}
		case page.Link("Start again") == startPage && page.Status == http.StatusBadRequest:
			return blackbox.Answer{Status: page.Status, Body: page.Body}, toldByPage
		default:
			t.Fatalf("%s %s answers %d with no way on:\n%s", next.method, next.address, page.Status, page.Body)
		}
	}
	t.Fatalf("no end after %d hops: %v", maxHops, p.browser.Trail())
	return blackbox.Answer{}, came
}

// reached tells whether the moment is at this request.
func (p *traveller) reached(t *testing.T, m moment, next hop) bool {
	path := next.path(t)
	if next.method == http.MethodPost {
		path += " POST"
	}
	return path == m.path
}

func (p *traveller) kill(t *testing.T, m moment, next hop) {
	t.Helper()
	request := p.browser.Request(next.method, next.address, next.form)
	if m.provider == "" {
		p.w.interrupt(t, request, m.how)
		return
	}
	reached, over := make(chan struct{}, 16), make(chan struct{})
	p.w.upstream.Handle(m.provider, func(_ http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	})
	p.w.Write(t, request)
	select {
	case <-reached:
	case <-time.After(time.Minute):
		t.Fatalf("the product never asked for %s", m.provider)
	}
	p.w.crash()
	close(over)
	p.w.upstream.Handle(m.provider, nil)
}

// fillIn answers the form of a page.
func (p *traveller) fillIn(t *testing.T, page *blackbox.Page) hop {
	t.Helper()
	if len(page.Forms) != 1 {
		t.Fatalf("%s has %d forms, want one:\n%s", page.URL, len(page.Forms), page.Body)
	}
	form := page.Forms[0]
	sent := maps.Clone(form.Values)
	sent.Set("password", password)
	sent.Set("username", p.email)
	if _, asked := form.Values["email"]; asked {
		sent.Set("email", p.email)
		sent.Del("username")
	}
	return hop{method: form.Method, address: form.Action, form: sent}
}

// exchange is the app's part: it reads its answer and exchanges the code.
func (p *traveller) exchange(t *testing.T, m *moment, location string) (blackbox.Answer, outcome) {
	t.Helper()
	at, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	answer := at.Query()
	if answer.Get("state") != p.flow.State {
		t.Fatalf("the app got the state of another log-in: %s", location)
	}
	if answer.Get("code") == "" {
		if answer.Get("error") == "" || answer.Get("error_description") == "" {
			t.Fatalf("the app was told nothing: %s", location)
		}
		return blackbox.Answer{Status: http.StatusBadRequest, Body: location}, toldByApp
	}
	code := answer.Get("code")
	p.codes = append(p.codes, presented{p.flow, code})
	if m != nil && m.path == "/oauth/token" {
		p.w.interrupt(t, p.w.tokenRequest(t, p.app.ID, p.exchangeForm(code)), m.how)
	}
	tokens := p.app.Exchange(p.flow, code, nil)
	if m != nil && m.path == "" {
		p.w.crash()
	}
	switch {
	case tokens.Status == http.StatusOK:
		return tokens, finished
	case tokens.Status == http.StatusForbidden && tokens.Text("error") == "invalid_grant":
		return tokens, toldByApp
	}
	t.Fatalf("the exchange gives %s", tokens.Error())
	return tokens, finished
}

func (p *traveller) exchangeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.flow.RedirectURI}, "code_verifier": {p.flow.Verifier},
	}
}
