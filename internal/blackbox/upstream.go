package blackbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Upstream stands in for identity providers: https://HOST/PATH is served at URL/HOST/PATH. Every host is an OpenID
// provider with the same keys. A person who logs in is named by the app's login_hint, which the product passes on; what is
// said about them is their Person.
//
// A product without a simulator reaches the provider itself: where Plain is set the provider says that its addresses are
// URL/HOST/PATH, which an issuer of a connection may be, too.
type Upstream struct {
	URL string
	Key *rsa.PrivateKey
	Kid string
	// Plain is set before anything asks.
	Plain bool
	// Now is the provider's clock; Server.Now keeps it in step with a server whose clock was advanced.
	Now func() time.Time

	t testing.TB

	mu        sync.Mutex
	people    map[string]Person
	visits    map[string]visit // by code and by access token
	requests  []string
	documents map[string]func(http.ResponseWriter, *http.Request)
}

// Person is what the provider says at one log-in. The zero value with a subject is an honest answer.
type Person struct {
	// Claims go over those of an honest ID token; nil values take claims away.
	Claims map[string]any
	// IDToken makes the token, given the claims; nil signs them with the provider's key.
	IDToken func(claims map[string]any) string
	// Userinfo is the answer of the userinfo endpoint; nil is the claims.
	Userinfo map[string]any
	// Return changes the parameters with which the browser is sent back.
	Return func(back url.Values)
}

type visit struct {
	host, clientID, nonce, challenge string
	person                           Person
}

// signingKey is the same for all upstreams of the process, as making one takes longer than most tests.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// NewUpstream starts the provider; it ends with the test.
func NewUpstream(t testing.TB) *Upstream {
	t.Helper()
	key, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	u := &Upstream{
		Key: key, Kid: "upstream-1", Now: time.Now, t: t, people: map[string]Person{}, visits: map[string]visit{},
		documents: map[string]func(http.ResponseWriter, *http.Request){},
	}
	server := httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(server.Close)
	u.URL = server.URL
	return u
}

// Register announces what is said about the person whose login_hint is name.
func (u *Upstream) Register(name string, p Person) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.people[name] = p
}

// Handle serves an address "HOST/PATH" differently.
func (u *Upstream) Handle(address string, handler func(http.ResponseWriter, *http.Request)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.documents[address] = handler
}

// Requests lists every "METHOD HOST/PATH" that was asked for, in order.
func (u *Upstream) Requests() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string(nil), u.requests...)
}

// Count tells how often an address was asked for.
func (u *Upstream) Count(request string) int {
	n := 0
	for _, seen := range u.Requests() {
		if seen == request {
			n++
		}
	}
	return n
}

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	address := strings.TrimPrefix(r.URL.Path, "/")
	host, path, _ := strings.Cut(address, "/")
	u.mu.Lock()
	u.requests = append(u.requests, r.Method+" "+address)
	handler := u.documents[address]
	u.mu.Unlock()
	switch {
	case handler != nil:
		handler(w, r)
	case path == ".well-known/openid-configuration":
		WriteJSON(w, u.Discovery(host))
	case path == "jwks":
		WriteJSON(w, map[string]any{"keys": []any{JWK(&u.Key.PublicKey, u.Kid)}})
	case path == "authorize":
		u.authorize(w, r, host)
	case path == "token":
		u.token(w, r)
	case path == "userinfo":
		u.userinfo(w, r)
	default:
		http.NotFound(w, r)
	}
}

// Origin is what a host calls itself: its issuer.
func (u *Upstream) Origin(host string) string {
	if u.Plain {
		return u.URL + "/" + host
	}
	return "https://" + host
}

// Discovery is a host's discovery document.
func (u *Upstream) Discovery(host string) map[string]any {
	at := u.Origin(host)
	return map[string]any{
		"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token",
		"userinfo_endpoint": at + "/userinfo", "jwks_uri": at + "/jwks", "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256"},
		"code_challenge_methods_supported": []string{"S256"},
	}
}

// WriteJSON answers with a JSON document.
func WriteJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	// The product may have hung up, which it is free to.
	_ = json.NewEncoder(w).Encode(value)
}

// JWK is a public key as a key set lists it.
func JWK(key *rsa.PublicKey, kid string) map[string]any {
	exponent := big.NewInt(int64(key.E)).Bytes()
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(exponent),
	}
}

func (u *Upstream) authorize(w http.ResponseWriter, r *http.Request, host string) {
	query := r.URL.Query()
	u.mu.Lock()
	defer u.mu.Unlock()
	person, known := u.people[query.Get("login_hint")]
	if !known {
		http.Error(w, "nobody is registered as "+query.Get("login_hint"), http.StatusNotFound)
		return
	}
	code := Random()
	u.visits[code] = visit{
		host: host, clientID: query.Get("client_id"), nonce: query.Get("nonce"), challenge: query.Get("code_challenge"), person: person,
	}
	back := url.Values{"code": {code}, "state": {query.Get("state")}}
	if person.Return != nil {
		person.Return(back)
	}
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (u *Upstream) token(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	v, known := u.visits[r.FormValue("code")]
	delete(u.visits, r.FormValue("code"))
	if !known || v.challenge != "" && v.challenge != Challenge(r.FormValue("code_verifier")) {
		w.WriteHeader(http.StatusBadRequest)
		WriteJSON(w, map[string]string{"error": "invalid_grant"})
		return
	}
	access := Random()
	u.visits[access] = v
	claims := u.claims(v)
	sign := v.person.IDToken
	if sign == nil {
		sign = u.Sign
	}
	WriteJSON(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": sign(claims)})
}

func (u *Upstream) claims(v visit) map[string]any {
	now := u.Now().Unix()
	claims := map[string]any{"iss": u.Origin(v.host), "aud": v.clientID, "iat": now, "exp": now + 600}
	if v.nonce != "" {
		claims["nonce"] = v.nonce
	}
	maps.Copy(claims, v.person.Claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func (u *Upstream) userinfo(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	v, known := u.visits[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known {
		http.Error(w, "unknown token", http.StatusUnauthorized)
		return
	}
	if v.person.Userinfo != nil {
		WriteJSON(w, v.person.Userinfo)
		return
	}
	WriteJSON(w, u.claims(v))
}

// Sign makes an honest token of claims.
func (u *Upstream) Sign(claims map[string]any) string {
	return u.JWT(map[string]any{"alg": "RS256", "typ": "JWT", "kid": u.Kid}, claims, u.RS256)
}

// RS256 signs with the provider's key.
func (u *Upstream) RS256(input []byte) []byte {
	sum := sha256.Sum256(input)
	signature, err := rsa.SignPKCS1v15(rand.Reader, u.Key, crypto.SHA256, sum[:])
	if err != nil {
		u.t.Error(err)
	}
	return signature
}

// JWT puts a token together from any header, claims and signature.
func (u *Upstream) JWT(header, claims map[string]any, sign func(input []byte) []byte) string {
	return JWT(u.t, header, claims, sign)
}

// JWT puts a token together from any header, claims and signature; sign may be nil for none.
func JWT(t testing.TB, header, claims map[string]any, sign func(input []byte) []byte) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{header, claims} {
		text, err := json.Marshal(part)
		if err != nil {
			t.Error(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	input := strings.Join(parts, ".")
	if sign == nil {
		return input + "."
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}
