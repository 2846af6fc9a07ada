package tokens_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/tokens"
)

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// ours is the tenant's signing key, with which an attack shows that a refusal isn't the signature's merit.
type ours struct {
	kid     string
	private *rsa.PrivateKey
}

func signingKey(t testing.TB, ring *tokens.Keyring, store *memory) ours {
	t.Helper()
	kid := kidOf(t, ring, tokens.RS256)
	for _, k := range store.keys {
		if k.ID == kid {
			private, err := x509.ParsePKCS8PrivateKey(k.Private)
			if err != nil {
				t.Fatal(err)
			}
			return ours{kid: kid, private: private.(*rsa.PrivateKey)}
		}
	}
	t.Fatal("the signing key isn't stored")
	return ours{}
}

// raw signs any header and payload with RS256.
func (o ours) raw(t testing.TB, header, payload string) string {
	t.Helper()
	text := b64(header) + "." + b64(payload)
	return text + "." + rawSignature(t, o.private, text)
}

func body(t testing.TB, change func(map[string]any)) string {
	t.Helper()
	c := claims()
	change(c)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestVerifyRefusesForgedTokens(t *testing.T) {
	ring, store, _ := newRing(t)
	key := signingKey(t, ring, store)
	good := body(t, func(map[string]any) {})
	header := `{"alg":"RS256","kid":"` + key.kid + `","typ":"JWT"}`
	if _, err := ring.Verify(key.raw(t, header, good), accept()); err != nil {
		t.Fatalf("the untouched token: %v", err)
	}
	parts := strings.Split(key.raw(t, header, good), ".")
	public, err := x509.MarshalPKIXPublicKey(&key.private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(secret []byte) string {
		text := b64(`{"alg":"HS256","kid":"`+key.kid+`","typ":"JWT"}`) + "." + b64(good)
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(more string) string {
		return key.raw(t, `{"alg":"RS256","kid":"`+key.kid+`","typ":"JWT",`+more+`}`, good)
	}
	for name, token := range map[string]string{
		"nothing":                   "",
		"alg none":                  b64(`{"alg":"none","kid":"`+key.kid+`","typ":"JWT"}`) + "." + b64(good) + ".",
		"alg None, with signature":  b64(`{"alg":"None","kid":"`+key.kid+`","typ":"JWT"}`) + "." + b64(good) + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"HS256 with the DER key":    mac(public),
		"HS256 with the PEM key":    mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"HS256 with nothing":        mac(nil),
		"a jwk":                     embedded(t, stranger, good),
		"a jwk beside our kid":      with(`"jwk":{"kty":"oct","k":"AAAA"}`),
		"a jku":                     with(`"jku":"https://evil.test/jwks.json"`),
		"an x5u":                    with(`"x5u":"https://evil.test/cert.pem"`),
		"an x5c":                    with(`"x5c":["AAAA"]`),
		"a crit":                    with(`"crit":["b64"],"b64":false`),
		"a zip":                     with(`"zip":"DEF"`),
		"two algs":                  with(`"alg":"RS256"`),
		"no kid":                    key.raw(t, `{"alg":"RS256","typ":"JWT"}`, good),
		"a path as kid":             key.raw(t, `{"alg":"RS256","typ":"JWT","kid":"../../dev/null"}`, good),
		"SQL as kid":                key.raw(t, `{"alg":"RS256","typ":"JWT","kid":"' OR '1'='1"}`, good),
		"a kid that is no text":     key.raw(t, `{"alg":"RS256","typ":"JWT","kid":["`+key.kid+`"]}`, good),
		"a key of another kind":     key.raw(t, `{"alg":"ES256","kid":"`+key.kid+`","typ":"JWT"}`, good),
		"another type":              key.raw(t, `{"alg":"RS256","kid":"`+key.kid+`","typ":"logout+jwt"}`, good),
		"no type":                   key.raw(t, `{"alg":"RS256","kid":"`+key.kid+`"}`, good),
		"a header that is no JSON":  key.raw(t, `alg`, good),
		"a claim twice":             key.raw(t, header, strings.Replace(good, `{`, `{"sub":"auth0|2",`, 1)),
		"claims that are an array":  key.raw(t, header, `[]`),
		"claims followed by more":   key.raw(t, header, good+`{}`),
		"two parts":                 parts[0] + "." + parts[1],
		"five parts":                strings.Join(parts, ".") + ".AAAA.AAAA",
		"a fourth part":             strings.Join(parts, ".") + ".",
		"a line break behind":       strings.Join(parts, ".") + "\n",
		"a space behind":            strings.Join(parts, ".") + " ",
		"padding":                   parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"a signature that goes on":  parts[0] + "." + parts[1] + "." + parts[2] + "AAAA",
		"JSON serialization":        `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"other claims":              parts[0] + "." + b64(strings.Replace(good, "auth0|1", "auth0|2", 1)) + "." + parts[2],
		"more than 64 KB":           key.raw(t, header, body(t, func(c map[string]any) { c["x"] = strings.Repeat("x", 64<<10) })),
		"another issuer":            key.raw(t, header, body(t, func(c map[string]any) { c["iss"] = "https://login.example.test" })),
		"no issuer":                 key.raw(t, header, body(t, func(c map[string]any) { delete(c, "iss") })),
		"another audience":          key.raw(t, header, body(t, func(c map[string]any) { c["aud"] = audience + "/" })),
		"an audience that is none":  key.raw(t, header, body(t, func(c map[string]any) { c["aud"] = map[string]any{audience: 1} })),
		"no audience":               key.raw(t, header, body(t, func(c map[string]any) { delete(c, "aud") })),
		"no expiry":                 key.raw(t, header, body(t, func(c map[string]any) { delete(c, "exp") })),
		"an expiry in text":         key.raw(t, header, body(t, func(c map[string]any) { c["exp"] = "4102444800" })),
		"an expiry beyond all time": key.raw(t, header, body(t, func(c map[string]any) { c["exp"] = json.Number("1e300") })),
		"an expiry beyond numbers":  key.raw(t, header, body(t, func(c map[string]any) { c["exp"] = json.Number("1e999") })),
		"a future iat":              key.raw(t, header, body(t, func(c map[string]any) { c["iat"] = start.Unix() + 1 })),
		"a future nbf":              key.raw(t, header, body(t, func(c map[string]any) { c["nbf"] = start.Unix() + 1 })),
		"an nbf in text":            key.raw(t, header, body(t, func(c map[string]any) { c["nbf"] = "0" })),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ring.Verify(token, accept()); !errors.Is(err, tokens.ErrInvalid) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// embedded is a token with the attacker's own key in its header.
func embedded(t testing.TB, private *ecdsa.PrivateKey, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private},
		(&jose.SignerOptions{EmbedJWK: true}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// rawSignature signs what jose would not let a caller write.
func rawSignature(t testing.TB, private *rsa.PrivateKey, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(signature)
}

func TestVerifyNeedsToKnowWhatToAccept(t *testing.T) {
	ring, _, _ := newRing(t)
	token := sign(t, ring, tokens.RS256)
	for name, change := range map[string]func(*tokens.VerifyOptions){
		"issuer":     func(o *tokens.VerifyOptions) { o.Issuer = "" },
		"audience":   func(o *tokens.VerifyOptions) { o.Audience = "" },
		"algorithms": func(o *tokens.VerifyOptions) { o.Algs = nil },
		"this alg":   func(o *tokens.VerifyOptions) { o.Algs = []string{tokens.ES256, tokens.PS256} },
		"this type":  func(o *tokens.VerifyOptions) { o.Types = []string{tokens.AccessTokenType} },
	} {
		opt := accept()
		change(&opt)
		if _, err := ring.Verify(token, opt); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestVerifyTakesOneOfSeveralAudiences(t *testing.T) {
	ring, _, _ := newRing(t)
	c := claims()
	c["aud"] = []string{audience, issuer + "userinfo"}
	token, err := ring.Sign(tokens.RS256, "application/at+jwt", c)
	if err != nil {
		t.Fatal(err)
	}
	opt := accept()
	opt.Audience, opt.Types = issuer+"userinfo", []string{tokens.DefaultType, tokens.AccessTokenType}
	if _, err := ring.Verify(token, opt); err != nil {
		t.Error(err)
	}
}

func TestExpiryFollowsTheClock(t *testing.T) {
	ring, _, c := newRing(t)
	token := sign(t, ring, tokens.ES256)
	late := accept()
	late.Leeway = time.Minute
	c.turn(24*time.Hour - time.Second)
	if _, err := ring.Verify(token, accept()); err != nil {
		t.Errorf("a second before: %v", err)
	}
	c.turn(time.Second)
	if got, err := ring.Verify(token, accept()); !errors.Is(err, tokens.ErrExpired) || got != nil {
		t.Errorf("at its end: %v, %v", got, err)
	}
	if _, err := ring.Verify(token, late); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	c.turn(time.Minute)
	if _, err := ring.Verify(token, late); !errors.Is(err, tokens.ErrExpired) {
		t.Errorf("after the leeway: %v", err)
	}
}

func TestHintsMayHaveExpired(t *testing.T) {
	ring, store, c := newRing(t)
	token := sign(t, ring, tokens.RS256)
	future := claims()
	future["iat"] = start.Add(48 * time.Hour).Unix()
	early, err := ring.Sign(tokens.RS256, "", future)
	if err != nil {
		t.Fatal(err)
	}
	c.turn(25 * time.Hour)
	got, err := ring.VerifyHint(token, issuer)
	if err != nil || got["sub"] != "auth0|1" {
		t.Errorf("got %v, %v", got, err)
	}
	key := signingKey(t, ring, store)
	for name, hint := range map[string]struct{ token, issuer string }{
		"another issuer": {token, "https://evil.test/"}, "no issuer": {token, ""}, "from the future": {early, issuer},
		"unsigned": {token[:strings.LastIndex(token, ".")+1], issuer}, "no token": {"x", issuer},
		"an access token": {key.raw(t, `{"alg":"RS256","kid":"`+key.kid+`","typ":"at+jwt"}`, body(t, func(map[string]any) {})), issuer},
	} {
		if _, err := ring.VerifyHint(hint.token, hint.issuer); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNumbersInClaimsStayExact(t *testing.T) {
	ring, _, _ := newRing(t)
	c := claims()
	c["https://example.test/id"] = json.Number("12345678901234567890123")
	c["https://example.test/price"] = json.Number("1.10")
	token, err := ring.Sign(tokens.ES256, "", c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ring.Verify(token, accept())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"https://example.test/id", "https://example.test/price"} {
		if diff := cmp.Diff(c[name], got[name]); diff != "" {
			t.Error(diff)
		}
	}
	if got["iat"] != json.Number("1767225600") {
		t.Errorf("iat is %v", got["iat"])
	}
	c["bad"] = json.Number("1; DROP")
	if _, err := ring.Sign(tokens.ES256, "", c); err == nil {
		t.Error("a number that is none is signed")
	}
}

func TestWhatSignMakesVerifyTakes(t *testing.T) {
	ring, _, _ := newRing(t)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for range 60 {
		c := claims()
		for range random.IntN(6) {
			c["https://example.test/"+randomText(random)] = randomValue(random, 4)
		}
		alg := []string{tokens.RS256, tokens.PS256, tokens.ES256}[random.IntN(3)]
		token, err := ring.Sign(alg, "", c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ring.Verify(token, accept())
		if err != nil {
			t.Fatalf("%s, %v: %v", alg, c, err)
		}
		want := maps.Clone(c)
		want["iat"], want["exp"] = json.Number("1767225600"), json.Number("1767312000")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func randomText(random *mathrand.Rand) string {
	letters := []rune("aZ0<>&\"\\/\u2028é𝒳\x00\x7f \t")
	text := make([]rune, random.IntN(8))
	for i := range text {
		text[i] = letters[random.IntN(len(letters))]
	}
	return string(text)
}

func randomValue(random *mathrand.Rand, depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch random.IntN(kinds) {
	case 0:
		return randomText(random)
	case 1:
		return json.Number(new(big.Int).Lsh(big.NewInt(random.Int64()), uint(random.IntN(90))).String())
	case 2:
		return random.IntN(2) == 0
	case 3:
		return nil
	case 4:
		list := make([]any, random.IntN(4))
		for i := range list {
			list[i] = randomValue(random, depth-1)
		}
		return list
	}
	object := map[string]any{}
	for range random.IntN(4) {
		object[randomText(random)] = randomValue(random, depth-1)
	}
	return object
}

func TestSignHS256(t *testing.T) {
	secret := bytes.Repeat([]byte("s"), 32)
	token, err := tokens.SignHS256(secret, "", claims())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(secret); err != nil {
		t.Error(err)
	}
	if _, err := tokens.SignHS256(secret[:31], "", claims()); !errors.Is(err, tokens.ErrWeakSecret) {
		t.Errorf("a short secret: %v", err)
	}
	ring, _, _ := newRing(t)
	opt := accept()
	opt.Algs = []string{tokens.HS256, tokens.RS256}
	if _, err := ring.Verify(token, opt); !errors.Is(err, tokens.ErrInvalid) {
		t.Errorf("accepted here: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	ring, store, _ := newRing(f)
	key := signingKey(f, ring, store)
	good := sign(f, ring, tokens.RS256)
	f.Add(good)
	f.Add(good + ".AAAA.AAAA")
	f.Add(b64(`{"alg":"none","kid":"`+key.kid+`"}`) + "." + b64(`{}`) + ".")
	f.Add(b64(`{"alg":"RS256","kid":"`+key.kid+`","typ":"JWT"}`) + ".." + "AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := ring.Verify(token, accept()); err == nil && token != good {
			t.Fatalf("accepted: %q", token)
		}
		if _, err := ring.VerifyHint(token, issuer); err == nil && token != good {
			t.Fatalf("accepted as a hint: %q", token)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	ring, _, _ := newRing(b)
	for _, alg := range []string{tokens.RS256, tokens.PS256, tokens.ES256} {
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sign(b, ring, alg)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	ring, _, _ := newRing(b)
	for _, alg := range []string{tokens.RS256, tokens.ES256} {
		token := sign(b, ring, alg)
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Verify(token, accept()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJWKS(b *testing.B) {
	ring, _, _ := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		ring.JWKS()
	}
}
