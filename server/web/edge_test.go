package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/server/web"
)

// edge is an Edge whose clock moves only when a handler moves it, and what it logged.
type edge struct {
	web.Edge
	logged bytes.Buffer
	now    time.Time
}

func newEdge() *edge {
	e := &edge{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	e.Edge = web.Edge{
		Logger:  slog.New(slog.NewJSONHandler(&e.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, MaxBody: 1 << 10, Now: func() time.Time { return e.now },
	}
	return e
}

// handler serves /things/{id}, whose query decides what happens.
func (e *edge) handler() http.Handler {
	r := chi.NewRouter()
	r.HandleFunc("/things/{id}", func(w http.ResponseWriter, r *http.Request) {
		switch r.FormValue("do") {
		case "slow":
			e.now = e.now.Add(1500 * time.Millisecond)
		case "panic":
			panic("broken")
		case "abort":
			panic(http.ErrAbortHandler)
		case "nothing":
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return e.Wrap(r)
}

// lines returns what was logged, without the request's random id.
func (e *edge) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(e.logged.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "time")
		lines = append(lines, fields)
	}
	return lines
}

func TestEveryRequestHasOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		method, target string
		want           map[string]any
	}{
		"an answer":     {"GET", "/things/7", map[string]any{"level": "INFO", "route": "/things/{id}", "status": 201.0, "ms": 0.0}},
		"no words":      {"GET", "/things/7?do=nothing", map[string]any{"level": "INFO", "route": "/things/{id}", "status": 200.0, "ms": 0.0}},
		"a slow answer": {"GET", "/things/7?do=slow", map[string]any{"level": "WARN", "route": "/things/{id}", "status": 201.0, "ms": 1500.0}},
		"unknown":       {"GET", "/wp-login.php", map[string]any{"level": "INFO", "route": "-", "status": 404.0, "ms": 0.0}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge()
			r := httptest.NewRequest(c.method, c.target, nil)
			w := httptest.NewRecorder()
			e.handler().ServeHTTP(w, r)
			c.want["msg"], c.want["method"], c.want["ip"] = "request", c.method, "192.0.2.1"
			c.want["request_id"] = w.Header().Get("X-Request-Id")
			if diff := cmp.Diff([]map[string]any{c.want}, e.lines(t)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Codes, states, tokens and passwords travel in queries, headers and bodies; the path may name a person.
func TestNothingThatWasSentIsLogged(t *testing.T) {
	for _, do := range []string{"", "slow", "panic", "abort", "nothing"} {
		e := newEdge()
		body := strings.NewReader("password=hush-body&do=" + do)
		r := httptest.NewRequest(http.MethodPost, "/things/hush-path?code=hush-query&do="+do, body)
		for name, value := range map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Bearer hush-token", "Cookie": "session=hush-cookie",
			"Referer": "https://a.example/?code=hush-referer", "X-Request-Id": "hush-id", "User-Agent": "hush-agent",
		} {
			r.Header.Set(name, value)
		}
		func() {
			defer func() {
				if cause := recover(); (cause != nil) != (do == "abort") {
					t.Errorf("%q: panic %v came through", do, cause)
				}
			}()
			e.handler().ServeHTTP(httptest.NewRecorder(), r)
		}()
		if len(e.lines(t)) == 0 || strings.Contains(e.logged.String(), "hush") {
			t.Errorf("%q: logged\n%s", do, e.logged.String())
		}
	}
}

func TestRequestIDsOfTrustedProxiesAreTakenOver(t *testing.T) {
	for name, c := range map[string]struct {
		peer  string
		given []string
		taken bool
	}{
		"a trusted proxy's":  {"10.1.2.3:1", []string{"8f0c1a2b-req/1"}, true},
		"in IPv6 form":       {"[::ffff:10.1.2.3]:1", []string{"abc"}, true},
		"as long as may be":  {"10.1.2.3:1", []string{strings.Repeat("x", 64)}, true},
		"anybody's":          {"192.0.2.1:1", []string{"abc"}, false},
		"too long":           {"10.1.2.3:1", []string{strings.Repeat("x", 65)}, false},
		"empty":              {"10.1.2.3:1", []string{""}, false},
		"a line break":       {"10.1.2.3:1", []string{"abc\nlevel=ERROR"}, false},
		"blanks":             {"10.1.2.3:1", []string{"abc def"}, false},
		"other alphabets":    {"10.1.2.3:1", []string{"ключ"}, false},
		"bytes of no text":   {"10.1.2.3:1", []string{"a\xffb"}, false},
		"two of them":        {"10.1.2.3:1", []string{"abc", "def"}, false},
		"an unknown address": {"@", []string{"abc"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge()
			r := httptest.NewRequest(http.MethodGet, "/things/7", nil)
			r.RemoteAddr, r.Header["X-Request-Id"] = c.peer, c.given
			w := httptest.NewRecorder()
			e.handler().ServeHTTP(w, r)
			got := w.Header().Get("X-Request-Id")
			if (got == c.given[0]) != c.taken || len(got) == 0 || !c.taken && len(got) != 16 {
				t.Errorf("request has id %q, given %q", got, c.given)
			}
			if logged := e.lines(t)[0]["request_id"]; logged != got {
				t.Errorf("logged as %v, answered as %s", logged, got)
			}
		})
	}
}

// witness is an Observer that writes down what it is told.
type witness struct {
	name string
	told *[]string
}

type witnessKey string

func (o witness) Begin(ctx context.Context, _ *http.Request, trusted bool) context.Context {
	if trusted {
		*o.told = append(*o.told, o.name+" begins, trusted")
	} else {
		*o.told = append(*o.told, o.name+" begins")
	}
	return context.WithValue(ctx, witnessKey(o.name), true)
}

func (o witness) End(ctx context.Context, out web.Outcome) {
	if ctx.Value(witnessKey(o.name)) == nil || web.LogOf(ctx) == nil {
		*o.told = append(*o.told, o.name+" lost its context")
	}
	*o.told = append(*o.told, o.name+" ends "+out.Method+" "+out.Route+" "+http.StatusText(out.Status))
}

func TestObserversSeeEveryRequestEnd(t *testing.T) {
	for do, want := range map[string]string{
		"": "Created", "panic": "Internal Server Error", "abort": "", "nothing": "OK",
	} {
		t.Run(do, func(t *testing.T) {
			e, told := newEdge(), []string{}
			e.Observers = []web.Observer{witness{"a", &told}, witness{"b", &told}}
			r := httptest.NewRequest(http.MethodGet, "/things/7?do="+do, nil)
			r.RemoteAddr = "10.1.2.3:1"
			func() {
				defer func() {
					if err, ok := recover().(error); ok && !errors.Is(err, http.ErrAbortHandler) {
						t.Error(err)
					}
				}()
				e.handler().ServeHTTP(httptest.NewRecorder(), r)
			}()
			end := " ends GET /things/{id} " + want
			if diff := cmp.Diff([]string{"a begins, trusted", "b begins, trusted", "b" + end, "a" + end}, told); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
