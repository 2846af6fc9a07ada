package tokens_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/tokens"
)

func newOpaque(t testing.TB, c *clock, keys ...byte) *tokens.Opaque {
	t.Helper()
	raw := make([][]byte, len(keys))
	for i, b := range keys {
		raw[i] = bytes.Repeat([]byte{b}, seal.KeySize)
	}
	ring, err := seal.NewRing(raw...)
	if err != nil {
		t.Fatal(err)
	}
	opaque, err := tokens.NewOpaque(ring, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return opaque
}

func opaqueToken() tokens.OpaqueToken {
	return tokens.OpaqueToken{
		ID: "at_1", GrantID: "grant", Subject: "google-oauth2|103547991597142817347", ClientID: "client",
		Scope: []string{"openid", "profile"}, IssuedAt: start, ExpiresAt: start.Add(time.Hour),
	}
}

func issue(t testing.TB, opaque *tokens.Opaque) string {
	t.Helper()
	token, err := opaque.Issue(opaqueToken())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestOpaqueTokensOpenAgain(t *testing.T) {
	c := &clock{at: start}
	opaque := newOpaque(t, c, 1)
	token := issue(t, opaque)
	got, err := opaque.Open(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(opaqueToken(), got); diff != "" {
		t.Error(diff)
	}
	if token == issue(t, opaque) {
		t.Error("the same token twice")
	}
	c.turn(time.Hour - time.Second)
	if _, err := opaque.Open(token); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	c.turn(time.Second)
	if _, err := opaque.Open(token); !errors.Is(err, tokens.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

func TestOpaqueTokensSurviveANewEncryptionKey(t *testing.T) {
	c := &clock{at: start}
	token := issue(t, newOpaque(t, c, 1))
	if _, err := newOpaque(t, c, 2, 1).Open(token); err != nil {
		t.Errorf("with the old key behind: %v", err)
	}
	if _, err := newOpaque(t, c, 2).Open(token); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("without the old key: %v", err)
	}
	if _, err := newOpaque(t, c, 1).Open(issue(t, newOpaque(t, c, 2, 1))); !errors.Is(err, tokens.ErrInvalid) {
		t.Error("new tokens are made with the old key")
	}
}

func TestOpaqueTokensAreNoSignedTokens(t *testing.T) {
	token := issue(t, newOpaque(t, &clock{at: start}, 1))
	algs := []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.HS256}
	if _, err := jose.ParseSignedCompact(token, algs); err == nil {
		t.Error("parsed as a signed token")
	}
	if _, err := jose.ParseSignedJSON(token, algs); err == nil {
		t.Error("parsed as a signed token in JSON")
	}
	ring, _, _ := newRing(t)
	if _, err := ring.Verify(token, accept()); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("verified: %v", err)
	}
	for _, secret := range []string{"grant", "google", "client", "openid"} {
		if strings.Contains(token, b64(secret)) {
			t.Errorf("%s can be read", secret)
		}
	}
}

func TestOpaqueTokensCantBeChanged(t *testing.T) {
	opaque := newOpaque(t, &clock{at: start}, 1)
	token := issue(t, opaque)
	for i := range token {
		changed := []byte(token)
		changed[i] = 'A'
		if token[i] == 'A' {
			changed[i] = 'B'
		}
		if _, err := opaque.Open(string(changed)); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("character %d changed: %v", i, err)
		}
	}
	ring, _, _ := newRing(t)
	for name, other := range map[string]string{
		"nothing": "", "a signed token": sign(t, ring, tokens.ES256), "a part more": token + ".AAAA",
		"a part less": token[:strings.LastIndex(token, ".")], "a line break behind": token + "\n",
		"a key in it": strings.Replace(token, "..", ".AAAA.", 1),
		"compression": strings.Replace(token, token[:strings.Index(token, ".")], b64(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`), 1),
		"too large":   token + strings.Repeat("A", 64<<10),
	} {
		if got, err := opaque.Open(other); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestOpaqueTokensHaveASize(t *testing.T) {
	v := opaqueToken()
	v.Scope = []string{strings.Repeat("x", 64<<10)}
	if _, err := newOpaque(t, &clock{at: start}, 1).Issue(v); err == nil {
		t.Error("a token is issued that is not accepted")
	}
}

func FuzzOpen(f *testing.F) {
	opaque := newOpaque(f, &clock{at: start}, 2, 1)
	good := issue(f, opaque)
	f.Add(good)
	f.Add(strings.Replace(good, "..", ".AA.", 1))
	f.Add("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := opaque.Open(token)
		if err != nil {
			return
		}
		if diff := cmp.Diff(opaqueToken(), got); diff != "" { // another run's good token is as good
			t.Fatal(diff)
		}
	})
}

func BenchmarkOpaque(b *testing.B) {
	opaque := newOpaque(b, &clock{at: start}, 1)
	token := issue(b, opaque)
	b.Run("Issue", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			issue(b, opaque)
		}
	})
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := opaque.Open(token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
