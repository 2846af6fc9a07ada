package attacks_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

const unknownRefresh = "403 invalid_grant: Unknown or invalid refresh token."

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	first := b.tokens(t, b.spa, nil)
	second := b.spa.Refresh(first.Text("refresh_token"), nil)
	b.keepTokens(second)
	if second.Status != http.StatusOK || second.Text("refresh_token") == "" || second.Text("refresh_token") == first.Text("refresh_token") {
		t.Fatalf("no rotation: %s", second.Body)
	}
	if second.Text("id_token") == "" || second.Text("scope") != "openid profile email offline_access" || second.Text("token_type") != "Bearer" {
		t.Errorf("refreshed: %v", second.JSON)
	}
	_, before := blackbox.Claims(t, first.Text("id_token"))
	_, after := blackbox.Claims(t, second.Text("id_token"))
	if before["sub"] != after["sub"] || before["auth_time"] != after["auth_time"] || before["sid"] != after["sid"] || after["nonce"] != nil {
		t.Errorf("ID token before %v, after %v", before, after)
	}
	// The replaced token again: somebody has a copy. The whole family ends, access tokens too.
	if got := b.spa.Refresh(first.Text("refresh_token"), nil).Error(); got != unknownRefresh {
		t.Errorf("reuse: %s", got)
	}
	if got := b.spa.Refresh(second.Text("refresh_token"), nil).Error(); got != unknownRefresh {
		t.Errorf("after reuse: %s", got)
	}
	for _, tokens := range []blackbox.Answer{first, second} {
		if got := b.Userinfo(t, tokens.Text("access_token")).Status; got != http.StatusUnauthorized {
			t.Errorf("an access token of the family: %d", got)
		}
	}
	// The revocation is not forgotten by a restart.
	b.Restart()
	if got := b.spa.Refresh(second.Text("refresh_token"), nil).Error(); got != unknownRefresh {
		t.Errorf("after a restart: %s", got)
	}
}

func TestRefreshTokensOfClientsThatDoNotRotate(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	first := b.tokens(t, b.web, nil)
	for range 3 {
		again := b.web.Refresh(first.Text("refresh_token"), nil)
		b.keepTokens(again)
		if again.Status != http.StatusOK || again.Text("refresh_token") != first.Text("refresh_token") {
			t.Errorf("%d %s", again.Status, again.Body)
		}
	}
}

func TestRefreshLeeway(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	lenient := blackbox.NewApp(t, b.Server, "lenient", "", "https://lenient.test/cb")
	refresh := func(token string) blackbox.Answer {
		t.Helper()
		a := lenient.Refresh(token, nil)
		b.keepTokens(a)
		return a
	}
	first := b.tokens(t, lenient, nil).Text("refresh_token")
	second := refresh(first).Text("refresh_token")
	// An app whose answer got lost asks again, and gets another token.
	again := refresh(first).Text("refresh_token")
	if second == "" || again == "" || second == again {
		t.Fatalf("second %q, again %q", second, again)
	}
	third := refresh(again).Text("refresh_token")
	if third == "" {
		t.Fatal("the token of the second try doesn't work")
	}
	// Once that is used, the first one is no longer the previous one, leeway or not.
	if got := refresh(first).Error(); got != unknownRefresh {
		t.Errorf("two generations back: %s", got)
	}
	if got := refresh(third).Error(); got != unknownRefresh {
		t.Errorf("the family lives on: %s", got)
	}

	first = b.tokens(t, lenient, nil).Text("refresh_token")
	second = refresh(first).Text("refresh_token")
	b.Advance(31 * time.Second)
	if got := refresh(first).Error(); got != unknownRefresh {
		t.Errorf("after the leeway: %s", got)
	}
	if got := refresh(second).Error(); got != unknownRefresh {
		t.Errorf("the family lives on: %s", got)
	}
}

func TestRefreshTokensExpire(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	lenient := blackbox.NewApp(t, b.Server, "lenient", "", "https://lenient.test/cb")
	idle, used := b.tokens(t, lenient, nil).Text("refresh_token"), b.tokens(t, lenient, nil).Text("refresh_token")
	b.Advance(50 * time.Minute)
	used = lenient.Refresh(used, nil).Text("refresh_token")
	b.keepSecret(used)
	b.Advance(20 * time.Minute)
	if got := lenient.Refresh(idle, nil).Error(); got != unknownRefresh {
		t.Errorf("idle for 70 minutes of 60: %s", got)
	}
	if a := lenient.Refresh(used, nil); a.Status != http.StatusOK {
		t.Errorf("used 20 minutes ago: %s", a.Error())
	}
}

func TestRefreshesAtOnceKeepOneFamily(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	token := b.tokens(t, b.spa, nil).Text("refresh_token")
	const tries = 6
	answers := make(chan blackbox.Answer, tries)
	for range tries {
		go func() { answers <- b.spa.Refresh(token, nil) }()
	}
	var won []string
	for range tries {
		a := <-answers
		b.keepTokens(a)
		if a.Status == http.StatusOK {
			won = append(won, a.Text("refresh_token"))
		} else {
			invalidGrant(t, a)
		}
	}
	if len(won) > 1 {
		t.Errorf("%d of %d exchanges succeeded without a leeway", len(won), tries)
	}
	for _, token := range won { // reuse was seen, so that nothing is left
		invalidGrant(t, b.spa.Refresh(token, nil))
	}
}

func TestScopesNarrowAndNeverWiden(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	first := b.tokens(t, b.web, url.Values{"scope": {"openid email offline_access read:things admin"}, "audience": {"https://api.test"}})
	if first.Text("scope") != "openid email offline_access read:things" {
		t.Errorf("granted %q", first.Text("scope"))
	}
	for asked, want := range map[string]string{
		"openid": "openid", "read:things": "read:things", "openid profile write:things admin": "openid",
		"": "openid email offline_access read:things", "admin": "",
	} {
		a := b.web.Refresh(first.Text("refresh_token"), url.Values{"scope": {asked}, "audience": {"https://es.test"}})
		b.keepTokens(a)
		if a.Status != http.StatusOK || a.Text("scope") != want {
			t.Errorf("%q: granted %q: %s", asked, a.Text("scope"), a.Body)
			continue
		}
		_, claims := blackbox.Claims(t, a.Text("access_token"))
		scope, _ := claims["scope"].(string)
		if scope != want || strings.Contains(strings.Join(audiences(claims), " "), "es.test") || claims["gty"] != "refresh_token" {
			t.Errorf("%q: access token %v", asked, claims)
		}
		if (a.Text("id_token") != "") != strings.Contains(want, "openid") {
			t.Errorf("%q: ID token %q", asked, a.Text("id_token"))
		}
	}
}

func audiences(claims map[string]any) []string {
	switch aud := claims["aud"].(type) {
	case string:
		return []string{aud}
	case []any:
		var list []string
		for _, one := range aud {
			text, _ := one.(string)
			list = append(list, text)
		}
		return list
	}
	return nil
}

func TestRefreshTokensOfOthers(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	tokens := b.tokens(t, b.spa, nil)
	token := tokens.Text("refresh_token")
	if got := b.web.Refresh(token, nil).Error(); got != unknownRefresh {
		t.Errorf("as another client: %s", got)
	}
	if got := b.spa.Refresh(token+"x", nil).Error(); got != unknownRefresh {
		t.Errorf("nearly: %s", got)
	}
	if got := b.spa.Refresh(tokens.Text("access_token"), nil).Error(); got != unknownRefresh {
		t.Errorf("an access token: %s", got)
	}
	if a := b.web.Revoke(token, nil); a.Status != http.StatusOK || a.Body != "" {
		t.Errorf("revoked by another client: %d %s", a.Status, a.Body)
	}
	kept := b.spa.Refresh(token, nil)
	b.keepTokens(kept)
	if kept.Status != http.StatusOK {
		t.Errorf("others ended it: %s", kept.Error())
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	tokens := b.tokens(t, b.spa, nil)
	next := b.spa.Refresh(tokens.Text("refresh_token"), nil)
	b.keepTokens(next)
	for range 2 {
		if a := b.spa.Revoke(next.Text("refresh_token"), url.Values{"token_type_hint": {"refresh_token"}}); a.Status != http.StatusOK || a.Body != "" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	invalidGrant(t, b.spa.Refresh(next.Text("refresh_token"), nil))
	if got := b.Userinfo(t, next.Text("access_token")).Status; got != http.StatusUnauthorized {
		t.Errorf("userinfo after revocation: %d", got)
	}
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"unknown":      {url.Values{"client_id": {"spa"}, "token": {"x"}}, "200 : "},
		"no token":     {url.Values{"client_id": {"spa"}}, "400 invalid_request: Missing required parameter: token"},
		"no client":    {url.Values{"token": {"x"}}, "401 invalid_client: Missing client_id"},
		"wrong secret": {url.Values{"client_id": {"web"}, "client_secret": {"x"}, "token": {"x"}}, "401 invalid_client: Unauthorized"},
	} {
		if got := b.PostForm(t, "/oauth/revoke", c.form).Error(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	again := b.tokens(t, b.spa, nil)
	if a := b.PostJSON(t, "/oauth/revoke", map[string]string{"client_id": "spa", "token": again.Text("refresh_token")}); a.Status != http.StatusOK {
		t.Errorf("JSON: %d %s", a.Status, a.Body)
	}
	invalidGrant(t, b.spa.Refresh(again.Text("refresh_token"), nil))
}

// verified checks a token's signature with the published keys and returns its header and claims.
func verified(t *testing.T, b *bench, token string) (header, claims map[string]any) {
	t.Helper()
	var set jose.JSONWebKeySet
	answer := b.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil)
	if err := json.Unmarshal([]byte(answer.Body), &set); err != nil {
		t.Fatal(err)
	}
	header, claims = blackbox.Claims(t, token)
	kid, _ := header["kid"].(string)
	keys := set.Key(kid)
	if len(keys) != 1 {
		t.Fatalf("kid %q is published %d times", kid, len(keys))
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Verify(keys[0]); err != nil {
		t.Errorf("signature: %v", err)
	}
	return header, claims
}

func TestAccessTokensByAlgorithm(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for alg, audience := range map[string]string{"RS256": "https://api.test", "ES256": "https://es.test", "PS256": "https://ps.test"} {
		tokens := b.tokens(t, b.web, url.Values{"audience": {audience}, "scope": {"openid read:things"}})
		header, claims := verified(t, b, tokens.Text("access_token"))
		if header["alg"] != alg || claims["iss"] != b.Issuer || claims["azp"] != "web" || claims["scope"] != "openid read:things" {
			t.Errorf("%s: %v %v", alg, header, claims)
		}
		if got := audiences(claims); len(got) != 2 || got[0] != audience || got[1] != b.Issuer+"userinfo" {
			t.Errorf("%s: aud %v", alg, got)
		}
		if a := b.Userinfo(t, tokens.Text("access_token")); a.Status != http.StatusOK {
			t.Errorf("%s: userinfo %d", alg, a.Status)
		}
		without := b.tokens(t, b.web, url.Values{"audience": {audience}, "scope": {"read:things"}})
		_, claims = verified(t, b, without.Text("access_token"))
		if claims["aud"] != audience || without.Text("id_token") != "" {
			t.Errorf("%s without openid: aud %v", alg, claims["aud"])
		}
		if a := b.Userinfo(t, without.Text("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("%s without openid: userinfo %d", alg, a.Status)
		}
	}
	tokens := b.tokens(t, b.web, url.Values{"audience": {"https://hs.test"}, "scope": {"openid read:things"}}).Text("access_token")
	header, claims := blackbox.Claims(t, tokens)
	input, signature, _ := cutLast(tokens)
	mac := hmac.New(sha256.New, []byte(hsSecret))
	mac.Write([]byte(input))
	if header["alg"] != "HS256" || claims["aud"] != "https://hs.test" || !hmac.Equal(signature, mac.Sum(nil)) {
		t.Errorf("HS256: %v %v", header, claims)
	}
	// Whoever runs that API knows its secret; its tokens say nothing here.
	if a := b.Userinfo(t, tokens); a.Status != http.StatusUnauthorized {
		t.Errorf("HS256: userinfo %d", a.Status)
	}
}

func cutLast(token string) (input string, signature []byte, err error) {
	at := strings.LastIndexByte(token, '.')
	signature, err = base64.RawURLEncoding.DecodeString(token[at+1:])
	return token[:at], signature, err
}

func TestForgedAccessTokens(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	tokens := b.tokens(t, b.web, url.Values{"audience": {"https://api.test"}, "scope": {"openid read:things"}})
	good := tokens.Text("access_token")
	header, claims := blackbox.Claims(t, good)
	keys := b.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil).Body
	withKey := func(key []byte) func([]byte) []byte {
		return func(input []byte) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
	changed := func(name string, value any) map[string]any {
		other := map[string]any{}
		for k, v := range header {
			other[k] = v
		}
		other[name] = value
		return other
	}
	input, signature, err := cutLast(good)
	if err != nil {
		t.Fatal(err)
	}
	opaque := b.tokens(t, b.spa, nil).Text("access_token")
	for name, token := range map[string]string{
		"alg none":            blackbox.JWT(t, map[string]any{"alg": "none"}, claims, nil),
		"HS256 with the keys": blackbox.JWT(t, changed("alg", "HS256"), claims, withKey([]byte(keys))),
		"HS256 with a secret": blackbox.JWT(t, changed("alg", "HS256"), claims, withKey([]byte(hsSecret))),
		"own key":             blackbox.JWT(t, header, claims, b.up.RS256),
		"own key in header":   blackbox.JWT(t, map[string]any{"alg": "RS256", "jwk": blackbox.JWK(&b.up.Key.PublicKey, "x")}, claims, b.up.RS256),
		"own kid":             blackbox.JWT(t, changed("kid", "../../dev/null"), claims, b.up.RS256),
		"kid of SQL":          blackbox.JWT(t, changed("kid", "' OR 1=1 --"), claims, b.up.RS256),
		"other algorithm":     blackbox.JWT(t, changed("alg", "PS256"), claims, func([]byte) []byte { return signature }),
		"no signature":        input + ".",
		"cut":                 good[:len(good)-5],
		"more dots":           good + strings.Repeat(".", 1000),
		"ID token":            tokens.Text("id_token"),
		"opaque, one changed": opaque[:len(opaque)-6] + "AAAAAA",
		"opaque, parts moved": strings.Join([]string{"a", "b", "c", "d", "e"}, "."),
		"JWE without a key":   "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....",
		"blank":               " ",
		"a refresh token":     "v1." + blackbox.Random(),
		"8 KB":                strings.Repeat("a", 8<<10),
	} {
		if a := b.Userinfo(t, token); a.Status != http.StatusUnauthorized || a.Body != "Unauthorized" {
			t.Errorf("%s: %d %.200s", name, a.Status, a.Body)
		}
	}
	if a := b.Userinfo(t, good); a.Status != http.StatusOK {
		t.Errorf("the good one: %d", a.Status)
	}
}

func TestKeysRotateWhileServing(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	api := url.Values{"audience": {"https://api.test"}, "scope": {"openid read:things offline_access"}}
	old := b.tokens(t, b.web, api)
	before, _ := verified(t, b, old.Text("access_token"))
	var published blackbox.Answer
	blackbox.Eventually(t, 30*time.Second, "the next key is published", func() bool {
		published = b.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil)
		return strings.Count(published.Body, `"RSA"`) > 1
	})
	for _, private := range []string{`"d":`, `"p":`, `"q":`, `"dp":`, `"k":`, `"oct"`} {
		if strings.Contains(published.Body, private) {
			t.Errorf("the key set has the member %s", private)
		}
	}
	printed := b.Run("keys", "rotate")
	var after map[string]any
	var fresh blackbox.Answer
	blackbox.Eventually(t, 30*time.Second, "the server signs with the next key", func() bool {
		fresh = b.web.Refresh(old.Text("refresh_token"), nil)
		b.keepTokens(fresh)
		after, _ = blackbox.Claims(t, fresh.Text("access_token"))
		return after["kid"] != before["kid"]
	})
	kid, _ := after["kid"].(string)
	if !strings.Contains(printed, kid) {
		t.Errorf("keys rotate printed %q, the tokens say %q", printed, kid)
	}
	if !bytes.Contains([]byte(published.Body), []byte(kid)) {
		t.Errorf("the next key %s was not published before its first use", kid)
	}
	for _, tokens := range []blackbox.Answer{old, fresh} {
		verified(t, b, tokens.Text("access_token"))
		verified(t, b, tokens.Text("id_token"))
		if a := b.Userinfo(t, tokens.Text("access_token")); a.Status != http.StatusOK {
			t.Errorf("userinfo: %d", a.Status)
		}
	}
}
