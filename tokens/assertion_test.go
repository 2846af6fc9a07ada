package tokens_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/latchkey-id/latchkey/tokens"
)

const clientID = "mYcLiEnT"

// clientKeys are a client's key, a stranger's, and one that is too short.
var clientKeys = sync.OnceValues(func() (keys [3]*rsa.PrivateKey, err error) {
	for i, bits := range []int{2048, 2048, 1024} {
		if keys[i], err = rsa.GenerateKey(rand.Reader, bits); err != nil {
			return keys, err
		}
	}
	return keys, nil
})

func publicPEM(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func assertion(t testing.TB, alg jose.SignatureAlgorithm, key any, headers map[jose.HeaderKey]any, change func(map[string]any)) string {
	t.Helper()
	c := map[string]any{
		"iss": clientID, "sub": clientID, "aud": issuer, "jti": "once", "iat": start.Unix(), "exp": start.Add(time.Minute).Unix(),
	}
	if change != nil {
		change(c)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: headers})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestClientAssertion(t *testing.T) {
	keys, err := clientKeys()
	if err != nil {
		t.Fatal(err)
	}
	registered := []tokens.ClientKey{
		{PEM: publicPEM(t, &keys[1].PublicKey), Alg: "RS384"}, // an older one
		{PEM: publicPEM(t, &keys[0].PublicKey)},
	}
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	for _, c := range []struct {
		name   string
		alg    jose.SignatureAlgorithm
		change func(map[string]any)
	}{
		{"RS256", jose.RS256, nil},
		{"RS384", jose.RS384, nil},
		{"PS256", jose.PS256, nil},
		{"the token endpoint as audience", jose.RS256, set("aud", issuer+"oauth/token")},
		{"audiences", jose.RS256, set("aud", []string{"https://other.test/", issuer})},
		{"a clock that is 10 s ahead", jose.RS256, set("iat", start.Unix()+10)},
		{"a clock that is 10 s behind", jose.RS256, set("exp", start.Unix()-9)},
		{"the longest lifetime", jose.RS256, set("exp", start.Unix()+310)},
		{"a fraction of a second", jose.RS256, set("exp", float64(start.Unix())+60.25)},
		{"no iat", jose.RS256, func(c map[string]any) { delete(c, "iat") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			token := assertion(t, c.alg, keys[0], map[jose.HeaderKey]any{"kid": "theirs", "x5t": "AAAA"}, c.change)
			jti, until, err := tokens.VerifyClientAssertion(token, registered, clientID, issuer, start)
			if err != nil || jti != "once" || until.Before(start) || until.After(start.Add(321*time.Second)) {
				t.Errorf("got %q, %v, %v", jti, until, err)
			}
			if _, _, err := tokens.VerifyClientAssertion(token, registered, clientID, issuer, until); err == nil {
				t.Error("still good when its jti may be forgotten")
			}
		})
	}
}

func TestClientAssertionRefuses(t *testing.T) {
	keys, err := clientKeys()
	if err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := publicPEM(t, &keys[0].PublicKey)
	claim := func(name string, value any) string {
		return assertion(t, jose.RS256, keys[0], nil, func(c map[string]any) { c[name] = value })
	}
	good, foreign := claim("jti", "once"), assertion(t, jose.RS256, keys[1], nil, nil)
	for _, c := range []struct {
		name, token string
		keys        []tokens.ClientKey
	}{
		{"another client's key", foreign, []tokens.ClientKey{{PEM: text}}},
		{"another client's iss", claim("iss", "other"), nil},
		{"another client's sub", claim("sub", "other"), nil},
		{"the wrong audience", claim("aud", "https://other.test/"), nil},
		{"an issuer without its slash", claim("aud", strings.TrimSuffix(issuer, "/")), nil},
		{"no audience", claim("aud", nil), nil},
		{"an expiry in ten years", claim("exp", start.AddDate(10, 0, 0).Unix()), nil},
		{"an expiry a second too late", claim("exp", start.Unix()+311), nil},
		{"no expiry", claim("exp", nil), nil},
		{"no jti", claim("jti", ""), nil},
		{"a jti that is no text", claim("jti", 1), nil},
		{"an endless jti", claim("jti", strings.Repeat("j", 300)), nil},
		{"a future iat", claim("iat", start.Unix()+11), nil},
		{"a future nbf", claim("nbf", start.Unix()+11), nil},
		{"nothing", "", nil},
		{"HS256 with the public key", assertion(t, jose.HS256, []byte(text), nil, nil), nil},
		{"RS512", assertion(t, jose.RS512, keys[0], nil, nil), nil},
		{"ES256", assertion(t, jose.ES256, elliptical, nil, nil), []tokens.ClientKey{{PEM: publicPEM(t, &elliptical.PublicKey)}}},
		{"another algorithm than registered", good, []tokens.ClientKey{{PEM: text, Alg: "PS256"}}},
		{"alg none", b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".", nil},
		{"a jku", assertion(t, jose.RS256, keys[0], map[jose.HeaderKey]any{"jku": "https://evil.test/"}, nil), nil},
		{"a jwk", assertion(t, jose.RS256, keys[1], map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: &keys[1].PublicKey}}, nil), nil},
		{"no key", good, []tokens.ClientKey{}},
		{"a key that is no PEM", good, []tokens.ClientKey{{PEM: "key"}}},
		{"a damaged key", good, []tokens.ClientKey{{PEM: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}}},
		{"a private key", good, []tokens.ClientKey{{PEM: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}}},
		{"an elliptic key", good, []tokens.ClientKey{{PEM: publicPEM(t, &elliptical.PublicKey)}}},
		{"a key of 1024 bits", good, []tokens.ClientKey{{PEM: publicPEM(t, &keys[2].PublicKey)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.keys == nil {
				c.keys = []tokens.ClientKey{{PEM: text}}
			}
			jti, until, err := tokens.VerifyClientAssertion(c.token, c.keys, clientID, issuer, start)
			if !errors.Is(err, tokens.ErrInvalid) || jti != "" || !until.IsZero() {
				t.Errorf("got %q, %v, %v", jti, until, err)
			}
		})
	}
	late := start.Add(time.Minute + 10*time.Second)
	if _, _, err := tokens.VerifyClientAssertion(good, []tokens.ClientKey{{PEM: text}}, clientID, issuer, late); !errors.Is(err, tokens.ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	if _, _, err := tokens.VerifyClientAssertion(good, []tokens.ClientKey{{PEM: text}}, clientID, "", start); err == nil {
		t.Error("accepted without an issuer")
	}
}

func TestClientKeysAreReadInTheirFormats(t *testing.T) {
	keys, err := clientKeys()
	if err != nil {
		t.Fatal(err)
	}
	ring, store, _ := newRing(t)
	own := signingKey(t, ring, store)
	var certificate []byte
	for _, k := range store.keys {
		if k.ID == own.kid {
			certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate})
		}
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&keys[0].PublicKey)})
	for name, c := range map[string]struct {
		private *rsa.PrivateKey
		text    []byte
	}{"PKCS #1": {keys[0], pkcs1}, "certificate": {own.private, certificate}} {
		registered := []tokens.ClientKey{{PEM: string(c.text), Alg: "RS256"}}
		if _, _, err := tokens.VerifyClientAssertion(assertion(t, jose.RS256, c.private, nil, nil), registered, clientID, issuer, start); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
