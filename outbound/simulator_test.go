package outbound_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/outbound"
)

func parse(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTheSimulatorStandsInForEverybody(t *testing.T) {
	var asked []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host+r.RequestURI)
		if r.URL.Path == "/idp/a.test/old" {
			w.Header().Set("Location", "/new?x=1")
			w.WriteHeader(http.StatusFound)
			return
		}
		io.WriteString(w, `{}`)
	})
	other := serve(t, answer(`{}`))
	c := newClient(t, outbound.Options{Simulator: parse(t, s.URL+"/idp/")})
	for _, address := range []string{
		"https://a.test", "https://A.test:8443/p%2Fq/?code=1&x=%20", "https://a.test/old", "https://169.254.169.254/x", s.URL + "/direct",
	} {
		if _, err := c.GetJSON(t.Context(), address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	host := s.Listener.Addr().String()
	want := []string{
		host + "/idp/a.test", host + "/idp/a.test:8443/p%2Fq/?code=1&x=%20", host + "/idp/a.test/old", host + "/idp/a.test/new?x=1",
		host + "/idp/169.254.169.254/x", host + "/direct",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
	if _, err := c.GetJSON(t.Context(), other.URL, nil); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("another server on the simulator's machine: %v", err)
	}
	response, err := c.HTTP().Get("https://a.test/x")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if got := response.Request.URL.String(); got != "https://a.test/x" {
		t.Errorf("the answer seems to come from %s", got)
	}
}

func TestRewrite(t *testing.T) {
	with := newClient(t, outbound.Options{Simulator: parse(t, "http://127.0.0.1:3000/dev/idp")})
	without := newClient(t, outbound.Options{})
	for address, want := range map[string]string{
		"https://github.com/login/oauth/authorize?state=a%2Fb&x": "http://127.0.0.1:3000/dev/idp/github.com/login/oauth/authorize?state=a%2Fb&x",
		"https://a.test/a%2Fb#f%2F":                              "http://127.0.0.1:3000/dev/idp/a.test/a%2Fb#f%2F",
		"https://a.test":                                         "http://127.0.0.1:3000/dev/idp/a.test",
		"https://a.test?":                                        "http://127.0.0.1:3000/dev/idp/a.test?",
		"http://a.test/x":                                        "http://a.test/x",
		"http://127.0.0.1:3000/dev/idp/a.test/":                  "http://127.0.0.1:3000/dev/idp/a.test/",
		"/u/login":                                               "/u/login",
		"https://a.test/%zz":                                     "https://a.test/%zz",
	} {
		if got := with.Rewrite(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
		if got := without.Rewrite(address); got != address {
			t.Errorf("%s without simulator: got %s", address, got)
		}
	}
}

func TestASimulatorBehindHTTPSIsItself(t *testing.T) {
	s, pool := serveTLS(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `"`+r.URL.Path+`"`) })
	c := newClient(t, outbound.Options{Simulator: parse(t, s.URL), RootCAs: pool})
	for address, want := range map[string]any{s.URL + "/x": "/x", "https://a.test/x": "/a.test/x"} {
		if got, err := c.GetJSON(t.Context(), address, nil); err != nil || got != want {
			t.Errorf("%s: got %v, %v", address, got, err)
		}
	}
}
