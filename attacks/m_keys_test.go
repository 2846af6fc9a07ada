package attacks_test

import (
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

const upstreamKeys = "GET idp.test/jwks"

// signer is what the provider signs with and what its key set says, changed while it serves.
type signer struct {
	current atomic.Pointer[signature]
	down    atomic.Bool
}

type signature struct {
	kid string
	up  *blackbox.Upstream
	key *rsa.PrivateKey
}

// rotating makes the site's provider sign with keys that change.
func rotating(t *testing.T, s *site) *signer {
	t.Helper()
	g := &signer{}
	g.rotate(t, "first")
	s.up.Now = s.nodes[0].Now
	s.up.Handle("idp.test/jwks", func(w http.ResponseWriter, _ *http.Request) {
		if g.down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		now := g.current.Load()
		blackbox.WriteJSON(w, map[string]any{"keys": []any{blackbox.JWK(&now.key.PublicKey, now.kid)}})
	})
	return g
}

func (g *signer) rotate(t *testing.T, kid string) {
	t.Helper()
	key := mustKey(t)
	g.current.Store(&signature{kid: kid, key: key, up: &blackbox.Upstream{Key: key}})
}

// person is somebody whose ID token is signed with the key of that moment, under that kid where it is given.
func (g *signer) person(t *testing.T, name, kid string) blackbox.Person {
	p := person(name)
	p.IDToken = func(claims map[string]any) string {
		now := g.current.Load()
		header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": now.kid}
		if kid != "" {
			header["kid"] = kid
		}
		return blackbox.JWT(t, header, claims, now.up.RS256)
	}
	return p
}

// arrival is somebody who comes back from the provider.
type arrival struct {
	browser  *blackbox.Browser
	flow     blackbox.Flow
	callback string
}

// arrivals stops log-ins where the provider sends people back.
func (s *site) arrivals(t *testing.T, n int, who func(i int) blackbox.Person) []arrival {
	t.Helper()
	node := s.nodes[0]
	list := make([]arrival, n)
	inTurns(n, func(i int) {
		a := arrival{browser: browserAt(t, node), flow: spaAt(t, node).Authorize(s.through(blackbox.Random(), who(i)))}
		a.browser.Apps = append(a.browser.Apps, node.BaseURL+"/login/callback")
		page := a.browser.Open(a.flow.URL)
		a.browser.Apps = a.browser.Apps[:1]
		if !page.App {
			t.Errorf("no callback: %d %s", page.Status, page.URL)
		}
		a.callback = page.URL.String()
		list[i] = a
	})
	return list
}

// allIn lets people come back at the same moment and counts those who got a code.
func allIn(t *testing.T, list []arrival) (in int) {
	t.Helper()
	for _, page := range atOnce(len(list), func(i int) *blackbox.Page { return list[i].browser.Open(list[i].callback) }) {
		if page.Param("code") != "" {
			in++
		} else if page.Param("error") != "access_denied" {
			t.Errorf("somebody is at %d %s", page.Status, page.URL)
		}
	}
	return in
}

func TestM175_TheProviderChangesItsKeysDuringALoginRush(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	g := rotating(t, s)
	who := func(int) blackbox.Person { return g.person(t, "grace", "") }
	fetched := func(what string, most int, during func()) {
		t.Helper()
		before := s.up.Count(upstreamKeys)
		during()
		if n := s.up.Count(upstreamKeys) - before; n > most {
			t.Errorf("%s: the key set was fetched %d times, want at most %d", what, n, most)
		}
	}
	fetched("the first log-ins", 1, func() {
		if in := allIn(t, s.arrivals(t, 20, who)); in != 20 {
			t.Errorf("%d of 20 are in", in)
		}
	})
	const rush = 200
	list := s.arrivals(t, rush, who)
	g.rotate(t, "second")
	fetched("new keys", 1, func() {
		if in := allIn(t, list); in != rush {
			t.Errorf("new keys: %d of %d are in", in, rush)
		}
	})

	// Keys are fetched anew every hour. Where that fails the old ones serve on, and the provider is asked every few seconds.
	g.down.Store(true)
	node := s.nodes[0]
	node.Advance(2 * time.Hour)
	list = s.arrivals(t, 50, who)
	fetched("the key set is down", 2, func() {
		if in := allIn(t, list); in != 50 {
			t.Errorf("with old keys %d of 50 are in", in)
		}
	})
	g.rotate(t, "third")
	fetched("new keys while the key set is down", 3, func() {
		if in := allIn(t, s.arrivals(t, 10, who)); in != 0 {
			t.Errorf("%d are in by keys that nobody could fetch", in)
		}
	})
	g.down.Store(false)
	node.Advance(2 * time.Minute)
	if in := allIn(t, s.arrivals(t, 1, who)); in != 1 {
		t.Error("the new keys don't serve though the key set is there again")
	}
}

func TestM176_FloodOfUnknownKids(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	node := s.nodes[0]
	g := rotating(t, s)
	honest := func(int) blackbox.Person { return g.person(t, "grace", "") }
	if allIn(t, s.arrivals(t, 1, honest)) != 1 {
		t.Fatal("no log-in")
	}
	flood := func(n int) (fetches int) {
		before := s.up.Count(upstreamKeys)
		list := s.arrivals(t, n, func(int) blackbox.Person { return g.person(t, "mallory", blackbox.Random()) })
		inTurns(n, func(i int) { appError(t, list[i].browser.Open(list[i].callback), list[i].flow, "access_denied") })
		return s.up.Count(upstreamKeys) - before
	}
	if n := flood(500); n > 1 {
		t.Errorf("500 unknown kids within a minute: the key set was fetched %d times", n)
	}
	node.Advance(time.Minute)
	if n := flood(20); n > 1 {
		t.Errorf("in the next minute it was fetched %d times", n)
	}
	if allIn(t, s.arrivals(t, 1, honest)) != 1 {
		t.Error("the flood locked honest people out")
	}
	s.floodOfOwn(t)
}

// floodOfOwn presents access tokens of ours with kids that we never had.
func (s *site) floodOfOwn(t *testing.T) {
	t.Helper()
	node := s.nodes[0]
	app := blackbox.NewApp(t, node, "web", webSecret, webURL)
	good := app.Token(url.Values{
		"grant_type": {realmGrant}, "realm": {"db"}, "username": {"ada@example.com"}, "password": {password},
		"scope": {"openid"}, "audience": {"https://api.test"},
	}, nil).Text("access_token")
	header, claims := blackbox.Claims(t, good)
	_, sign, _ := strings.Cut(good[strings.Index(good, ".")+1:], ".")
	before := len(s.up.Requests())
	inTurns(2000, func(int) {
		header := map[string]any{"alg": header["alg"], "typ": header["typ"], "kid": blackbox.Random()}
		forged := strings.TrimSuffix(blackbox.JWT(t, header, claims, nil), ".") + "." + sign
		if a := node.Userinfo(t, forged); a.Status != http.StatusUnauthorized {
			t.Errorf("userinfo of an unknown kid: %d", a.Status)
		}
	})
	if n := len(s.up.Requests()) - before; n > 0 {
		t.Errorf("tokens of ours made the server ask outside %d times", n)
	}
	if a := node.Userinfo(t, good); a.Status != http.StatusOK {
		t.Errorf("the good one: %d", a.Status)
	}
}
