package connectors

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Every forged or foreign ID token is refused, by code and by form_post alike.
func TestForgedIDTokens(t *testing.T) {
	p := newProvider(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	edit := func(name string, value any) func(string) string {
		return func(nonce string) string { return p.rs256(claims(nonce, map[string]any{name: value})) }
	}
	at := func(d time.Duration) any { return now.Add(d).Unix() }
	for name, token := range map[string]func(nonce string) string{
		"alg none":     func(n string) string { return unsigned(`{"alg":"none"}`, claims(n, nil), "") },
		"alg None":     func(n string) string { return unsigned(`{"alg":"None","kid":"k1"}`, claims(n, nil), "AA") },
		"no signature": func(n string) string { return p.rs256(claims(n, nil))[:40] + ".e30." },
		"HS256 public key": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.HS256, Key: publicPEM}, map[jose.HeaderKey]any{"kid": "k1"}, claims(n, nil))
		},
		"HS256 secret": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("s3cret", 6))}, nil, claims(n, nil))
		},
		"ES256 key swap": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.ES256, Key: p.ec}, map[jose.HeaderKey]any{"kid": "k1"}, claims(n, nil))
		},
		"key's other alg": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.PS256, Key: p.key}, map[jose.HeaderKey]any{"kid": "k1"}, claims(n, nil))
		},
		"other key, our kid": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.RS256, Key: other}, map[jose.HeaderKey]any{"kid": "k1"}, claims(n, nil))
		},
		"jwk header": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: other, KeyID: "k1"}},
				map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &other.PublicKey}}, claims(n, nil))
		},
		"jku header": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.RS256, Key: other},
				map[jose.HeaderKey]any{"kid": "k1", "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u"}, claims(n, nil))
		},
		"iss with slash":      edit("iss", issuer+"/"),
		"iss of a tenant":     edit("iss", issuer+"/tenant"),
		"iss missing":         edit("iss", nil),
		"aud other":           edit("aud", "client-2"),
		"aud list without us": edit("aud", []string{"client-2", "client-3"}),
		"aud missing":         edit("aud", nil),
		"aud list, no azp":    edit("aud", []string{clientID, "client-2"}),
		"azp other":           edit("azp", "client-2"),
		"azp not text":        edit("azp", 1),
		"exp past":            edit("exp", at(-61*time.Second)),
		"exp missing":         edit("exp", nil),
		"exp null":            edit("exp", json.RawMessage("null")),
		"exp text":            edit("exp", "tomorrow"),
		"nbf future":          edit("nbf", at(10*time.Minute)),
		"nbf just beyond":     edit("nbf", at(61*time.Second)),
		"iat future":          edit("iat", at(10*time.Minute)),
		"iat missing":         edit("iat", nil),
		"nonce missing":       edit("nonce", nil),
		"nonce other":         edit("nonce", "another login's"),
		"nonce empty":         edit("nonce", ""),
		"sub missing":         edit("sub", nil),
		"sub number":          edit("sub", 7),
		"claim in other case": edit("ISS", "https://evil.example"),
		"claim twice": func(n string) string {
			return p.rs256([]byte(`{"sub":"victim",` + string(mustJSON(claims(n, nil)))[1:]))
		},
		"payload not JSON":     func(string) string { return p.rs256([]byte("hello")) },
		"payload not object":   func(string) string { return p.rs256([]byte("[]")) },
		"two dots":             func(string) string { return ".." },
		"a million dots":       func(string) string { return strings.Repeat(".", 1_000_000) },
		"empty":                func(string) string { return "" },
		"larger than it may":   func(n string) string { return p.rs256(claims(n, map[string]any{"x": strings.Repeat("x", 200_000)})) },
		"JSON serialization":   func(string) string { return `{"payload":"e30","signatures":[]}` },
		"encrypted":            func(string) string { return "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AA.AA.AA" },
		"access token is else": edit("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
	} {
		t.Run(name, func(t *testing.T) {
			p.json("idp.example/userinfo", map[string]any{"sub": "person-1"})
			back := p.connect("oidc", map[string]any{"issuer": issuer, "type": "back_channel"})
			_, pending := p.begin(back, AuthRequest{})
			p.json("idp.example/token", map[string]any{"access_token": "at-1", "token_type": "Bearer", "id_token": token(pending.Nonce)})
			a, err := back.Finish(t.Context(), callback(pending, "code", "c1"))
			wantRefusal(t, a, err)
			if name == "access token is else" {
				return // form_post carries no access token
			}
			front := p.connect("oidc", map[string]any{"issuer": issuer})
			_, pending = p.begin(front, AuthRequest{})
			a, err = front.Finish(t.Context(), callback(pending, "id_token", token(pending.Nonce)))
			wantRefusal(t, a, err)
		})
	}
	for _, call := range p.calls {
		if strings.Contains(call, "evil") {
			t.Errorf("a token's header was followed: %s", call)
		}
	}
}

func wantRefusal(t *testing.T, a Assertion, err error) {
	t.Helper()
	var refused *ProviderError
	if !errors.As(err, &refused) {
		t.Fatalf("not refused: %+v, %v", a, err)
	}
	if refused.Code != "access_denied" && refused.Code != "invalid_request" {
		t.Errorf("code %s", refused.Code)
	}
	if a.IDToken != nil || a.Userinfo != nil {
		t.Errorf("a refusal comes with an assertion: %+v", a)
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func TestAcceptedIDTokens(t *testing.T) {
	p := newProvider(t)
	ecKey := jose.JSONWebKey{Key: &p.ec.PublicKey, KeyID: "ec", Use: "sig"}
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	duplicate := jose.JSONWebKey{Key: &otherRSA.PublicKey, KeyID: "k1", Algorithm: "RS256"}
	p.json("idp.example/jwks", map[string]any{"keys": []any{
		duplicate, p.publicKey("k1"), ecKey, map[string]any{"kty": "oct", "k": "c2VjcmV0"}, map[string]any{"kty": "new"},
	}})
	at := func(d time.Duration) any { return now.Add(d).Unix() }
	for name, token := range map[string]func(nonce string) string{
		"plain":                  func(n string) string { return p.rs256(claims(n, nil)) },
		"kid that two keys have": func(n string) string { return p.rs256(claims(n, nil)) },
		"no kid": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, nil, claims(n, nil))
		},
		"ES256 by an EC key": func(n string) string {
			return p.sign(jose.SigningKey{Algorithm: jose.ES256, Key: p.ec}, map[jose.HeaderKey]any{"kid": "ec"}, claims(n, nil))
		},
		"just expired": func(n string) string { return p.rs256(claims(n, map[string]any{"exp": at(-59 * time.Second)})) },
		"clock ahead of ours": func(n string) string {
			return p.rs256(claims(n, map[string]any{"iat": at(59 * time.Second), "nbf": at(59 * time.Second)}))
		},
		"audience list of us": func(n string) string { return p.rs256(claims(n, map[string]any{"aud": []string{clientID}})) },
		"audiences and azp": func(n string) string {
			return p.rs256(claims(n, map[string]any{"aud": []string{clientID, "api"}, "azp": clientID}))
		},
		"big numbers keep all digits": func(n string) string {
			return p.rs256(claims(n, map[string]any{"big": json.Number("12345678901234567890.10")}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			front := p.connect("oidc", map[string]any{"issuer": issuer})
			_, pending := p.begin(front, AuthRequest{})
			a, err := front.Finish(t.Context(), callback(pending, "id_token", token(pending.Nonce)))
			if err != nil {
				t.Fatal(err)
			}
			if a.IDToken["sub"] != "person-1" {
				t.Errorf("sub %v", a.IDToken["sub"])
			}
			if big, ok := a.IDToken["big"]; ok && big != json.Number("12345678901234567890.10") {
				t.Errorf("number became %v", big)
			}
		})
	}
}

// A provider changes its keys, and a stranger makes up key ids: the first is found at once, the second costs a fetch a minute.
func TestKeyRotation(t *testing.T) {
	p := newProvider(t)
	front := p.connect("oidc", map[string]any{"issuer": issuer})
	login := func(kid string) error {
		_, pending := p.begin(front, AuthRequest{})
		token := p.sign(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, map[jose.HeaderKey]any{"kid": kid},
			claims(pending.Nonce, map[string]any{"iat": p.clock.now().Unix(), "exp": p.clock.now().Add(time.Hour).Unix()}))
		_, err := front.Finish(t.Context(), callback(pending, "id_token", token))
		return err
	}
	for range 3 {
		if err := login("k1"); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.count("GET idp.example/jwks"); n != 1 {
		t.Errorf("3 logins fetched the keys %d times", n)
	}
	p.json("idp.example/jwks", p.jwks(p.publicKey("k2")))
	if err := login("k2"); err != nil {
		t.Fatalf("new key: %v", err)
	}
	if err := login("k1"); err == nil {
		t.Error("the old key still counts")
	}
	for range 10 {
		if err := login("made-up"); err == nil {
			t.Fatal("a made-up key id is accepted")
		}
	}
	if n := p.count("GET idp.example/jwks"); n != 2 {
		t.Errorf("unknown keys: %d fetches, want 2", n)
	}
	p.clock.advance(2 * time.Minute)
	if err := login("made-up"); err == nil {
		t.Fatal("a made-up key id is accepted")
	}
	if n := p.count("GET idp.example/jwks"); n != 3 {
		t.Errorf("two minutes later: %d fetches, want 3", n)
	}
	p.status("idp.example/jwks", http.StatusInternalServerError, "{}")
	p.clock.advance(2 * documentTTL)
	if err := login("k2"); err != nil {
		t.Errorf("keys can't be fetched, but were known: %v", err)
	}
	p.status("idp.example/.well-known/openid-configuration", http.StatusInternalServerError, "{}")
	p.clock.advance(2 * documentTTL)
	if err := login("k2"); err != nil {
		t.Errorf("provider down, but known: %v", err)
	}
}

func TestWeakAndForeignKeysAreLeftOut(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]any{
		"weak RSA":    []any{jose.JSONWebKey{Key: &weak.PublicKey}},
		"encryption":  []any{jose.JSONWebKey{Key: &ec.PublicKey, Use: "enc"}},
		"symmetric":   []any{map[string]any{"kty": "oct", "k": "c2VjcmV0"}},
		"private":     []any{jose.JSONWebKey{Key: ec}},
		"none":        []any{},
		"not a list":  "k1",
		"101 of them": make([]any, 101),
	} {
		if got, err := parseKeys(map[string]any{"keys": keys}); err == nil {
			t.Errorf("%s: accepted %d keys", name, len(got))
		}
	}
}
