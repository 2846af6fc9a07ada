package tokens_test

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/tokens"
)

const (
	issuer   = "https://login.example.test/"
	audience = "https://api.example.test"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// memory is a KeyStore that, like a database under contention, runs every change twice.
type memory struct {
	mu   sync.Mutex
	keys []tokens.StoredKey
	err  error
}

func (m *memory) Keys(context.Context) ([]tokens.StoredKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys), m.err
}

func (m *memory) UpdateKeys(_ context.Context, change func([]tokens.StoredKey) ([]tokens.StoredKey, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if _, err := change(slices.Clone(m.keys)); err != nil {
		return err
	}
	keys, err := change(slices.Clone(m.keys))
	if err == nil {
		m.keys = slices.Clone(keys)
	}
	return err
}

// prepared are the keys of a tenant after its first start, made once for all tests.
var prepared = sync.OnceValues(func() ([]tokens.StoredKey, error) {
	store := &memory{}
	ring := tokens.NewKeyring(store, (&clock{at: start}).now)
	if err := ring.Load(context.Background()); err != nil {
		return nil, err
	}
	err := ring.Prepare(context.Background())
	return store.keys, err
})

// newRing is a ring with a signing and a waiting key for each algorithm.
func newRing(t testing.TB) (*tokens.Keyring, *memory, *clock) {
	t.Helper()
	keys, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	store, c := &memory{keys: slices.Clone(keys)}, &clock{at: start}
	return load(t, store, c), store, c
}

func load(t testing.TB, store tokens.KeyStore, c *clock) *tokens.Keyring {
	t.Helper()
	ring := tokens.NewKeyring(store, c.now)
	if err := ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return ring
}

func claims() map[string]any {
	return map[string]any{"iss": issuer, "aud": audience, "sub": "auth0|1", "iat": start.Unix(), "exp": start.Add(24 * time.Hour).Unix()}
}

func accept() tokens.VerifyOptions {
	return tokens.VerifyOptions{Issuer: issuer, Audience: audience, Algs: []string{tokens.RS256, tokens.PS256, tokens.ES256}}
}

func sign(t testing.TB, ring *tokens.Keyring, alg string) string {
	t.Helper()
	token, err := ring.Sign(alg, "", claims())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func keyIDs(t testing.TB, ring *tokens.Keyring) []string {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(ring.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(set.Keys))
	for i, k := range set.Keys {
		ids[i] = k.KeyID
	}
	return ids
}

// kidOf reads the kid of the key that signs with alg from a fresh token.
func kidOf(t testing.TB, ring *tokens.Keyring, alg string) string {
	t.Helper()
	signed, err := jose.ParseSignedCompact(sign(t, ring, alg), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Signatures[0].Header.KeyID
}

func TestFirstStartMakesKeysThatSign(t *testing.T) {
	store, c := &memory{}, &clock{at: start}
	ring := load(t, store, c)
	if got := len(keyIDs(t, ring)); got != 2 {
		t.Errorf("%d keys after the first start, want one per algorithm", got)
	}
	for _, alg := range []string{tokens.RS256, tokens.PS256, tokens.ES256} {
		if _, err := ring.Verify(sign(t, ring, alg), accept()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
	if _, err := ring.Sign("none", "", claims()); !errors.Is(err, tokens.ErrNoKey) {
		t.Errorf("none: %v", err)
	}
}

func TestNodesThatStartTogetherShareKeys(t *testing.T) {
	store, c := &memory{}, &clock{at: start}
	rings := make([]*tokens.Keyring, 3)
	var wait sync.WaitGroup
	for i := range rings {
		rings[i] = tokens.NewKeyring(store, c.now)
		wait.Go(func() {
			if err := rings[i].Load(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, ring := range rings[1:] {
		if diff := cmp.Diff(keyIDs(t, rings[0]), keyIDs(t, ring)); diff != "" {
			t.Error(diff)
		}
	}
	if len(store.keys) != 2 {
		t.Errorf("%d keys are stored", len(store.keys))
	}
}

func TestPrepareMakesTheWaitingKeysOnce(t *testing.T) {
	ring, store, _ := newRing(t)
	before := slices.Clone(store.keys)
	if err := ring.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, store.keys); diff != "" {
		t.Error(diff)
	}
	if len(keyIDs(t, ring)) != 4 {
		t.Errorf("published: %v", keyIDs(t, ring))
	}
}

func TestRotation(t *testing.T) {
	ring, store, c := newRing(t)
	other := load(t, store, c)
	published := keyIDs(t, ring)
	old := sign(t, ring, tokens.RS256)
	oldKid := kidOf(t, ring, tokens.RS256)

	newKid, err := ring.Rotate(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if newKid == oldKid || !slices.Contains(published, newKid) {
		t.Errorf("%s took over, which verifiers didn't know before: %v", newKid, published)
	}
	if got := kidOf(t, ring, tokens.RS256); got != newKid {
		t.Errorf("%s signs, not %s", got, newKid)
	}
	if got := keyIDs(t, ring); len(got) != 6 || got[0] != newKid {
		t.Errorf("published: %v; want the new key first, next and old ones behind", got)
	}
	if _, err := other.Verify(sign(t, ring, tokens.RS256), accept()); err != nil {
		t.Errorf("a node that hasn't reloaded refuses a new token: %v", err)
	}
	if _, err := ring.Verify(sign(t, other, tokens.RS256), accept()); err != nil {
		t.Errorf("a token of a node that hasn't reloaded is refused: %v", err)
	}
	if err := other.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keyIDs(t, ring), keyIDs(t, other)); diff != "" {
		t.Error(diff)
	}

	c.turn(time.Hour - time.Second)
	if _, err := ring.Verify(old, accept()); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	c.turn(time.Second)
	if _, err := ring.Verify(old, accept()); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("after the grace: %v", err)
	}
	if slices.Contains(keyIDs(t, ring), oldKid) {
		t.Error("a key whose grace is over is still published")
	}
	if _, err := ring.Rotate(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(store.keys, func(s tokens.StoredKey) bool { return s.ID == oldKid }) {
		t.Error("a key whose grace is over is still stored")
	}
	if _, err := ring.Rotate(t.Context(), -time.Second); err == nil {
		t.Error("a negative grace is taken")
	}
}

func TestRevokedKeysVerifyNothing(t *testing.T) {
	ring, _, _ := newRing(t)
	token, kid := sign(t, ring, tokens.RS256), kidOf(t, ring, tokens.RS256)
	for range 2 { // a second time changes nothing
		if err := ring.Revoke(t.Context(), kid); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ring.Verify(token, accept()); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if slices.Contains(keyIDs(t, ring), kid) {
		t.Error("still published")
	}
	if _, err := ring.Verify(sign(t, ring, tokens.PS256), accept()); err != nil {
		t.Errorf("no other key took over: %v", err)
	}
	if len(keyIDs(t, ring)) != 4 {
		t.Errorf("published: %v; want a new waiting key", keyIDs(t, ring))
	}
	if err := ring.Revoke(t.Context(), "nobody"); !errors.Is(err, tokens.ErrNoKey) {
		t.Errorf("unknown key: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	ring, _, _ := newRing(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 3 {
				token, err := ring.Sign(tokens.ES256, tokens.AccessTokenType, claims())
				if err != nil {
					t.Error(err)
				}
				opt := accept()
				opt.Types = []string{tokens.AccessTokenType}
				if _, err := ring.Verify(token, opt); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Go(func() {
		if _, err := ring.Rotate(t.Context(), time.Hour); err != nil {
			t.Error(err)
		}
	})
	wait.Wait()
}

func TestJWKS(t *testing.T) {
	ring, store, _ := newRing(t)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(ring.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	first := set.Keys[0]
	i := slices.IndexFunc(store.keys, func(s tokens.StoredKey) bool { return s.ID == first["kid"] })
	sum := sha1.Sum(store.keys[i].Certificate)
	delete(first, "n")
	want := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB", "kid": store.keys[i].ID,
		"x5t": base64.RawURLEncoding.EncodeToString(sum[:]),
		"x5c": []any{base64.StdEncoding.EncodeToString(store.keys[i].Certificate)},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	for _, k := range set.Keys {
		if k["d"] != nil || k["p"] != nil {
			t.Error("a private key is published")
		}
		if k["kty"] == "EC" && (k["crv"] != "P-256" || k["x"] == nil || k["y"] == nil) {
			t.Errorf("an incomplete key: %v", k)
		}
	}
}

func TestCertificatesAreSelfSigned(t *testing.T) {
	ring, _, _ := newRing(t)
	for _, k := range ring.Keys() {
		certificate, err := x509.ParseCertificate(k.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if err := certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature); err != nil {
			t.Error(err)
		}
		if k.Private != nil {
			t.Error("the list shows private keys")
		}
	}
}

func TestLoadReportsWhatIsWrong(t *testing.T) {
	keys, err := prepared()
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("database is gone")
	swapped := slices.Clone(keys)
	swapped[0].Certificate = keys[2].Certificate
	mislabelled := slices.Clone(keys)
	mislabelled[0].Alg, mislabelled[1].Alg = mislabelled[1].Alg, mislabelled[0].Alg
	damaged := slices.Clone(keys)
	damaged[0].Private = damaged[0].Private[:100]
	bare := slices.Clone(keys)
	bare[0].Certificate = nil
	for name, store := range map[string]*memory{
		"no database": {err: broken}, "another key's certificate": {keys: swapped}, "a wrong algorithm": {keys: mislabelled},
		"a damaged key": {keys: damaged}, "no certificate": {keys: bare},
	} {
		err := tokens.NewKeyring(store, (&clock{at: start}).now).Load(t.Context())
		if err == nil || errors.Is(store.err, broken) != errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	store := &memory{keys: slices.Clone(keys)}
	ring := load(t, store, &clock{at: start})
	store.err = broken
	if _, err := ring.Rotate(t.Context(), time.Hour); !errors.Is(err, broken) {
		t.Errorf("rotation: %v", err)
	}
}

func TestCancelledChangesStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tokens.NewKeyring(&memory{}, (&clock{at: start}).now).Load(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
