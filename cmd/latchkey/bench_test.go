package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/tenant"
)

// bench is a whole server on an embedded database, called without a network in between: what is left is our own work.
type bench struct {
	b *testing.B
	n *node
}

const benchSecret = "bench-secret-that-is-long-enough-for-anybody-0001"

func newBench(b *testing.B) *bench {
	b.Helper()
	c, err := config.Load(config.Sources{Mode: config.Dev, Flags: map[string]string{
		"listen": "127.0.0.1:0", "issuer": "http://127.0.0.1:9300/", "database": "sqlite:" + filepath.Join(b.TempDir(), "bench.db"),
		"encryption_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	}})
	if err != nil {
		b.Fatal(err)
	}
	n, err := newNode(b.Context(), c, nodeOptions{log: slog.New(slog.DiscardHandler), now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.close(); err != nil {
			b.Error(err)
		}
	})
	file, err := tenant.ParseFile("../../bench/tenant.yaml", func(string) (string, bool) { return "", false })
	if err != nil {
		b.Fatal(err)
	}
	if _, err := applyFile(context.Background(), n, file); err != nil {
		b.Fatal(err)
	}
	return &bench{b: b, n: n}
}

// do sends a request and wants the status.
func (x *bench) do(r *http.Request, status int) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	x.n.http.Handler.ServeHTTP(w, r)
	if w.Code != status {
		x.b.Fatalf("%s %s: status %d, want %d: %s", r.Method, r.URL.Path, w.Code, status, w.Body)
	}
	return w
}

func (x *bench) token(form url.Values) map[string]any {
	form.Set("client_id", "bench")
	form.Set("client_secret", benchSecret)
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer map[string]any
	if err := json.NewDecoder(io.Reader(x.do(r, http.StatusOK).Body)).Decode(&answer); err != nil {
		x.b.Fatal(err)
	}
	return answer
}

// person logs Ada in by password.
func (x *bench) person(audience string) map[string]any {
	return x.token(url.Values{
		"grant_type": {"password"}, "username": {"ada@bench.test"}, "password": {"Analytical-Engine-1843"},
		"scope": {"openid profile email offline_access"}, "audience": {audience},
	})
}

func BenchmarkJWKS(b *testing.B) {
	x := newBench(b)
	for b.Loop() {
		x.do(httptest.NewRequest(http.MethodGet, "/.well-known/jwks.json", nil), http.StatusOK)
	}
}

func BenchmarkUserinfo(b *testing.B) {
	for name, audience := range map[string]string{"opaque": "", "jwt": "https://api.bench"} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b)
			token, _ := x.person(audience)["access_token"].(string)
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "/userinfo", nil)
				r.Header.Set("Authorization", "Bearer "+token)
				x.do(r, http.StatusOK)
			}
		})
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	for name, audience := range map[string]string{"RS256": "https://api.bench", "ES256": "https://es.bench"} {
		b.Run(name, func(b *testing.B) {
			x := newBench(b)
			for b.Loop() {
				x.token(url.Values{"grant_type": {"client_credentials"}, "audience": {audience}})
			}
		})
	}
}

func BenchmarkRefresh(b *testing.B) {
	x := newBench(b)
	held := x.person("")
	for b.Loop() {
		token, _ := held["refresh_token"].(string)
		held = x.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
}
