package connectors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/outbound"
	"github.com/latchkey-id/latchkey/tenant"
)

const (
	issuer      = "https://idp.example"
	clientID    = "client-1"
	redirectURI = "https://login.example/login/callback"
	maxAnswer   = 1 << 20 // bytes, the outbound client's limit
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testClock is moved by hand.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fakeProvider stands for every identity provider: https://HOST/PATH is served from answers["HOST/PATH"].
type fakeProvider struct {
	t     *testing.T
	srv   *httptest.Server
	clock *testClock
	key   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
	// client reaches srv under the names of all providers.
	client *outbound.Client

	mu      sync.Mutex
	answers map[string]http.HandlerFunc
	calls   []string      // "METHOD HOST/PATH?QUERY" in order
	form    url.Values    // of the last POST
	basic   *url.Userinfo // of the last POST
}

// rsaKey is one key for all tests, as making one is slow.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newProvider(t *testing.T) *fakeProvider {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeProvider{t: t, key: key, ec: ec, clock: &testClock{at: now}, answers: map[string]http.HandlerFunc{}}
	p.srv = httptest.NewServer(p)
	t.Cleanup(p.srv.Close)
	at, err := url.Parse(p.srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if p.client, err = outbound.New(outbound.Options{Simulator: at}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.HTTP().CloseIdleConnections)
	p.json("idp.example/.well-known/openid-configuration", p.discovery())
	p.json("idp.example/jwks", p.jwks(p.publicKey("k1")))
	return p
}

func (p *fakeProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := strings.TrimPrefix(r.URL.Path, "/")
	p.mu.Lock()
	p.calls = append(p.calls, strings.TrimSuffix(r.Method+" "+address+"?"+r.URL.RawQuery, "?"))
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			p.t.Error(err)
		}
		p.form, p.basic = r.PostForm, nil
		if user, password, ok := r.BasicAuth(); ok {
			p.basic = url.UserPassword(user, password)
		}
	}
	answer := p.answers[address]
	p.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

func (p *fakeProvider) on(address string, answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[address] = answer
}

func (p *fakeProvider) json(address string, body any) { p.status(address, http.StatusOK, body) }

func (p *fakeProvider) status(address string, status int, body any) {
	data, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		data = string(b)
	}
	p.on(address, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if _, err := w.Write([]byte(data)); err != nil {
			p.t.Log(err) // the client hung up, as it may
		}
	})
}

// count tells how often an address was asked for.
func (p *fakeProvider) count(call string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

func (p *fakeProvider) deps() Deps {
	hasher, err := passwords.New(passwords.Config{Params: passwords.Params{Memory: 64, Time: 1, Threads: 1}})
	if err != nil {
		p.t.Fatal(err)
	}
	return Deps{
		Hasher: hasher, Log: slog.New(slog.DiscardHandler),
		Outside: Outside{Client: p.client, Now: p.clock.now},
	}
}

func (p *fakeProvider) discovery() map[string]any {
	return map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"userinfo_endpoint": issuer + "/userinfo", "jwks_uri": issuer + "/jwks",
	}
}

func (p *fakeProvider) publicKey(kid string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: &p.key.PublicKey, KeyID: kid, Use: "sig", Algorithm: "RS256"}
}

func (p *fakeProvider) jwks(keys ...jose.JSONWebKey) jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: keys}
}

// connect opens the connector of a connection with these options beside client id and secret.
func (p *fakeProvider) connect(strategy string, options map[string]any) Redirect {
	p.t.Helper()
	conn := &tenant.Connection{ID: "con_1", Name: "up", Strategy: strategy, Options: map[string]any{
		"client_id": clientID, "client_secret": "s3cret",
	}}
	for name, value := range options {
		conn.Options[name] = value
	}
	connector, err := Open(conn, p.deps())
	if err != nil {
		p.t.Fatal(err)
	}
	return connector.(Redirect)
}

// begin sends the browser off and returns the address's parameters and what to remember.
func (p *fakeProvider) begin(r Redirect, req AuthRequest) (url.Values, Pending) {
	p.t.Helper()
	req.State, req.RedirectURI = "state-1", redirectURI
	address, pending, err := r.AuthURL(p.t.Context(), req)
	if err != nil {
		p.t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	return u.Query(), pending
}

func callback(pending Pending, params ...string) Callback {
	values := url.Values{}
	for i := 0; i < len(params); i += 2 {
		values.Add(params[i], params[i+1])
	}
	return Callback{Params: values, Pending: pending, RedirectURI: redirectURI}
}

// claims are those of a right ID token, changed by edits; a nil value takes a claim away.
func claims(nonce string, edits map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "sub": "person-1", "aud": clientID, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nonce": nonce,
	}
	for name, value := range edits {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func (p *fakeProvider) sign(key jose.SigningKey, headers map[jose.HeaderKey]any, body any) string {
	p.t.Helper()
	signer, err := jose.NewSigner(key, &jose.SignerOptions{ExtraHeaders: headers})
	if err != nil {
		p.t.Fatal(err)
	}
	payload, ok := body.([]byte)
	if !ok {
		if payload, err = json.Marshal(body); err != nil {
			p.t.Fatal(err)
		}
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		p.t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// rs256 signs as the provider does.
func (p *fakeProvider) rs256(body any) string {
	return p.sign(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, map[jose.HeaderKey]any{"kid": "k1"}, body)
}

// unsigned is a token with the header as given and any signature.
func unsigned(header string, body map[string]any, signature string) string {
	payload, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64(payload) + "." + signature
}
