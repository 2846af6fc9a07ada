// Command upstream is an OpenID provider for load tests: it logs everybody in at once, as a person of a random number, so
// that a brokered log-in can be measured without a page. It keeps nothing and checks little; it is no example of a provider.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// provider is the whole server: its issuer and its key.
type provider struct {
	issuer string
	first  int64 // number of the first person
	step   int64 // from one person's number to the next
	people int64
	key    *rsa.PrivateKey
	signer jose.Signer
}

func main() {
	listen := flag.String("listen", "127.0.0.1:9400", "address to listen on")
	people := flag.Int64("people", 1000, "how many different people log in")
	first := flag.Int64("first", 0, "number of the first of them")
	step := flag.Int64("step", 1, "from one person's number to the next")
	flag.Parse()
	p, err := newProvider("http://" + *listen)
	if err != nil {
		log.Fatal(err)
	}
	p.first, p.step, p.people = *first, *step, *people
	log.Printf("issuer %s", p.issuer)
	log.Fatal(http.ListenAndServe(*listen, p.routes()))
}

func newProvider(issuer string) (*provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "bench"}}, nil)
	return &provider{issuer: issuer, key: key, signer: signer}, err
}

func (p *provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token",
			"userinfo_endpoint": p.issuer + "/userinfo", "jwks_uri": p.issuer + "/jwks",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "bench", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		answer(w, p.person(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	})
	return mux
}

// authorize logs somebody in at once. The code carries all that the token endpoint needs.
func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := rand.Int(rand.Reader, big.NewInt(p.people))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	code := base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.first+p.step*n.Int64(), 10) + " " + q.Get("client_id") + " " + q.Get("nonce")))
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	raw, err := base64.RawURLEncoding.DecodeString(r.FormValue("code"))
	parts := strings.SplitN(string(raw), " ", 3)
	if err != nil || len(parts) != 3 {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := time.Now()
	claims := p.person(parts[0])
	claims["iss"], claims["aud"], claims["nonce"] = p.issuer, parts[1], parts[2]
	claims["iat"], claims["exp"] = now.Unix(), now.Add(time.Hour).Unix()
	token, err := jwt.Signed(p.signer).Claims(claims).Serialize()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"access_token": parts[0], "token_type": "Bearer", "expires_in": 3600, "id_token": token})
}

func (p *provider) person(number string) map[string]any {
	return map[string]any{
		"sub": "person-" + number, "name": "Person " + number, "given_name": "Person", "family_name": number,
		"email": fmt.Sprintf("person%s@bench.example", number), "email_verified": true, "picture": "https://bench.example/p.png",
		"locale": "en", "department": "Load",
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}
