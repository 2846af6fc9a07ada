package dev

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	codeLife    = 10 * time.Minute // the most that RFC 6749 §4.1.2 recommends
	tokenLife   = time.Hour
	refreshLife = 30 * 24 * time.Hour
)

// tokenClaims belong to a token rather than to a person; the simulator sets them, whatever was typed.
var tokenClaims = map[string]bool{
	"iss": true, "aud": true, "exp": true, "iat": true, "nbf": true, "nonce": true, "azp": true, "at_hash": true,
	"c_hash": true, "auth_time": true,
}

// simulator stands in for every identity provider: https://HOST/PATH is served at /dev/idp/HOST/PATH.
type simulator struct {
	dev     *Dev
	people  map[string][]person
	signer  jose.Signer
	keys    jose.JSONWebKeySet
	codes   *expiring[grant]
	tokens  *expiring[grant] // by access token
	refresh *expiring[grant] // by refresh token
}

// grant is a person's consent, as it travels from code to tokens.
type grant struct {
	provider    string // key
	clientID    string
	redirectURI string
	challenge   string // S256; empty: none was sent
	nonce       string
	scope       []string
	offline     bool
	authTime    time.Time
	upstream    upstream
}

func newSimulator(d *Dev) (*simulator, error) {
	people, err := loadPeople("google-oauth2", "github", "oidc")
	if err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("key of the simulated providers: %w", err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.RS256), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("signer of the simulated providers: %w", err)
	}
	now := d.clock.Now
	return &simulator{
		dev: d, people: people, signer: signer, keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}},
		codes: newExpiring[grant](now, codeLife), tokens: newExpiring[grant](now, tokenLife), refresh: newExpiring[grant](now, refreshLife),
	}, nil
}

// call is a request as the provider sees it.
type call struct {
	provider provider
	address  string // canonical host/path
	w        http.ResponseWriter
	r        *http.Request
}

func (s *simulator) serve(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	address := canonical(r.PathValue("host"), r.PathValue("path"))
	p, does := s.find(address)
	c := call{p, address, w, r}
	if methods := methodsOf(does); !slices.Contains(methods, r.Method) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		s.dev.writeError(w, http.StatusMethodNotAllowed, "invalid_request", "this address doesn't take "+r.Method)
		return
	}
	switch {
	case does == roleAuthorize:
		s.authorize(c)
	case does == roleToken:
		s.token(c)
	case does == roleJWKS:
		s.dev.writeJSON(w, http.StatusOK, s.keys)
	case does == roleDiscovery && p.issuer != "":
		s.dev.writeJSON(w, http.StatusOK, discovery(p))
	default:
		s.resource(c, does)
	}
}

func methodsOf(does role) []string {
	switch does {
	case roleToken:
		return []string{http.MethodPost}
	case roleAuthorize, roleUserinfo: // OpenID Connect Core §5.3.1 allows both for userinfo
		return []string{http.MethodGet, http.MethodHead, http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead}
}

// discovery is the provider's document (OpenID Connect Discovery §3).
func discovery(p provider) map[string]any {
	return map[string]any{
		"issuer":                                p.issuer,
		"authorization_endpoint":                p.urlOf(roleAuthorize),
		"token_endpoint":                        p.urlOf(roleToken),
		"userinfo_endpoint":                     p.urlOf(roleUserinfo),
		"jwks_uri":                              p.urlOf(roleJWKS),
		"response_types_supported":              []string{"code", "id_token"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"code_challenge_methods_supported":      []string{"S256"},
		"scopes_supported":                      []string{"openid", "profile", "email"},
	}
}

// token is the token endpoint (RFC 6749 §4.1.3, §6; RFC 7636 §4.6).
func (s *simulator) token(c call) {
	if err := c.r.ParseForm(); err != nil || !isForm(c.r) {
		s.dev.writeError(c.w, http.StatusBadRequest, "invalid_request", "want a form of at most 64 KiB")
		return
	}
	form := c.r.PostForm
	id, secret := clientOf(c.r)
	if id == "" || secret == "" {
		s.refuseToken(c, refuseClient)
		return
	}
	var g grant
	var ok bool
	kind := form.Get("grant_type")
	switch {
	case kind == "refresh_token":
		g, ok = s.refresh.get(form.Get("refresh_token"))
	case kind == "authorization_code", kind == "" && c.provider.dialect.formTokens:
		g, ok = s.codes.take(form.Get("code"))
	default:
		s.refuseToken(c, refuseGrantType)
		return
	}
	if !ok || g.provider != c.provider.key || g.clientID != id {
		s.refuseToken(c, refuseCode)
		return
	}
	if kind != "refresh_token" {
		if why := g.check(form); why != "" {
			s.refuseToken(c, why)
			return
		}
	}
	s.issue(c, g, kind != "refresh_token")
}

// check compares a token request with the authorization request its code came from.
func (g grant) check(form url.Values) refusal {
	if form.Get("redirect_uri") != g.redirectURI {
		return refuseRedirect
	}
	verifier := form.Get("code_verifier")
	digest := sha256.Sum256([]byte(verifier))
	if g.challenge != "" && base64.RawURLEncoding.EncodeToString(digest[:]) != g.challenge {
		return refuseVerifier
	}
	if g.challenge == "" && verifier != "" {
		return refuseVerifier // RFC 9700 §2.1.1: a verifier without a challenge hints at a downgrade
	}
	return ""
}

// clientOf returns the client's credentials from HTTP Basic, whose parts are form encoded (RFC 6749 §2.3.1), or the form.
func clientOf(r *http.Request) (id, secret string) {
	if user, password, ok := r.BasicAuth(); ok {
		id, idErr := url.QueryUnescape(user)
		secret, secretErr := url.QueryUnescape(password)
		if idErr != nil || secretErr != nil {
			return "", ""
		}
		return id, secret
	}
	return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
}

func (s *simulator) refuseToken(c call, why refusal) {
	a := c.provider.dialect.refusals[why]
	s.dev.log.Info("simulated provider refused a token request", "provider", c.provider.title, "because_of", string(why))
	if a.status == http.StatusUnauthorized && c.r.Header.Get("Authorization") != "" {
		c.w.Header().Set("WWW-Authenticate", `Basic realm="simulated provider"`)
	}
	s.answerToken(c, a.status, map[string]any{"error": a.code, "error_description": a.description})
}

// issue answers with tokens for a grant.
func (s *simulator) issue(c call, g grant, first bool) {
	dialect := c.provider.dialect
	access := "at_" + rand.Text()
	separator := " "
	if dialect.scopeComma {
		separator = ","
	}
	body := map[string]any{"access_token": access, "token_type": dialect.tokenType, "scope": strings.Join(g.scope, separator)}
	if !dialect.formTokens {
		body["expires_in"] = int(tokenLife.Seconds())
	}
	if slices.Contains(g.scope, "openid") && c.provider.issuer != "" {
		idToken, err := s.idToken(c.provider, g, access)
		if err != nil {
			s.dev.log.Error("signing a simulated ID token", "error", err)
			s.dev.writeError(c.w, http.StatusInternalServerError, "server_error", "the ID token could not be signed")
			return
		}
		body["id_token"] = idToken
	}
	if first && g.offline {
		token := "rt_" + rand.Text()
		s.refresh.put(token, g)
		body["refresh_token"] = token
	}
	s.tokens.put(access, g)
	s.answerToken(c, http.StatusOK, body)
}

// answerToken writes JSON, or a form where the provider does that and JSON was not asked for.
func (s *simulator) answerToken(c call, status int, body map[string]any) {
	c.w.Header().Set("Cache-Control", "no-store")
	if !c.provider.dialect.formTokens || strings.Contains(c.r.Header.Get("Accept"), "json") {
		s.dev.writeJSON(c.w, status, body)
		return
	}
	form := url.Values{}
	for name, value := range body {
		form.Set(name, fmt.Sprint(value))
	}
	c.w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	c.w.WriteHeader(status)
	s.dev.write(c.w, []byte(form.Encode()))
}

// idToken signs what is known about the person (OpenID Connect Core §2); access is empty where none is issued.
func (s *simulator) idToken(p provider, g grant, access string) (string, error) {
	now := s.dev.clock.Now()
	claims := map[string]any{}
	for name, value := range byScope(g.upstream.idTokenClaims(), g.scope) {
		if !tokenClaims[name] {
			claims[name] = value
		}
	}
	claims["iss"], claims["aud"], claims["azp"] = p.issuer, g.clientID, g.clientID
	claims["iat"], claims["exp"], claims["auth_time"] = now.Unix(), now.Add(tokenLife).Unix(), g.authTime.Unix()
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if access != "" {
		digest := sha256.Sum256([]byte(access))
		claims["at_hash"] = base64.RawURLEncoding.EncodeToString(digest[:len(digest)/2])
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := s.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// scopeOf lists the claims that are only given out with a scope (OpenID Connect Core §5.4).
var scopeOf = map[string]string{
	"email": "email", "email_verified": "email", "phone_number": "phone", "phone_number_verified": "phone", "address": "address",
	"name": "profile", "family_name": "profile", "given_name": "profile", "middle_name": "profile", "nickname": "profile",
	"preferred_username": "profile", "profile": "profile", "picture": "profile", "website": "profile", "gender": "profile",
	"birthdate": "profile", "zoneinfo": "profile", "locale": "profile", "updated_at": "profile",
}

// byScope leaves out the claims whose scope was not asked for. Plain OAuth profiles, without openid, are given in full.
func byScope(claims map[string]any, scope []string) map[string]any {
	if !slices.Contains(scope, "openid") {
		return claims
	}
	kept := map[string]any{}
	for name, value := range claims {
		if needs := scopeOf[name]; needs == "" || slices.Contains(scope, needs) {
			kept[name] = value
		}
	}
	return kept
}
