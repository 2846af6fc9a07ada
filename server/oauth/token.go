package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// Grant types (RFC 6749 §4, Auth0: Application Grant Types).
const (
	grantCode     = "authorization_code"
	grantRefresh  = "refresh_token"
	grantClient   = "client_credentials"
	grantPassword = "password"
	grantRealm    = "http://auth0.com/oauth/grant-type/password-realm"
)

// tokenRequest is a request to /oauth/token by a client that proved itself.
type tokenRequest struct {
	*http.Request
	params web.Params
	config *tenant.Config
	client *tenant.Client
}

// grants is what discovery lists, and one file each.
func (s *Surface) grants() map[string]func(*tokenRequest) (*tokenResponse, error) {
	return map[string]func(*tokenRequest) (*tokenResponse, error){
		grantCode:     s.codeGrant,
		grantRefresh:  s.refreshGrant,
		grantClient:   s.clientGrant,
		grantPassword: s.passwordGrant,
		grantRealm:    s.realmGrant,
	}
}

// token answers POST /oauth/token (RFC 6749 §3.2).
func (s *Surface) token(w http.ResponseWriter, r *http.Request) error {
	params, err := web.Body(r)
	if err != nil {
		return err
	}
	client, err := s.authenticateClient(r, params)
	if err != nil {
		return err
	}
	holdOrigin(w, r, client)
	grantType := params.String("grant_type")
	if grantType == "" {
		return missing("grant_type")
	}
	exchange := s.grants()[grantType]
	if exchange == nil {
		return &Error{Status: http.StatusForbidden, Code: "unsupported_grant_type", Description: "Unsupported grant type: " + printable(grantType)}
	}
	if !client.AllowsGrant(grantType) {
		return grantNotAllowed(grantType)
	}
	response, err := exchange(&tokenRequest{Request: r, params: params, config: s.Tenant.Current(), client: client})
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, response)
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

var errClient = &Error{Status: http.StatusUnauthorized, Code: "access_denied", Description: "Unauthorized"}

// authenticateClient proves which client asks: by secret (Basic or body), by a signed assertion, or by name alone where
// the client can't keep a secret (RFC 6749 §2.3, RFC 7523 §2.2).
func (s *Surface) authenticateClient(r *http.Request, p web.Params) (*tenant.Client, error) {
	id, secret, basic, err := clientCredentials(r, p)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, &Error{Status: http.StatusUnauthorized, Code: "invalid_client", Description: "Missing client_id"}
	}
	client := s.Tenant.Current().Clients[id]
	if client == nil {
		return nil, errClient
	}
	if assertion := p.String("client_assertion"); assertion != "" {
		return client, s.checkAssertion(r, client, p.String("client_assertion_type"), assertion)
	}
	if client.Public() {
		if basic && secret != "" {
			return nil, errClient
		}
		return client, nil
	}
	want := sha256.Sum256([]byte(client.Secret))
	got := sha256.Sum256([]byte(secret))
	if client.Secret == "" || usesKeys(client) || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return nil, errClient
	}
	return client, nil
}

// clientCredentials reads id and secret. Inside Basic both are form-encoded (RFC 6749 §2.3.1). Two ways at once, or two
// different ids, are refused.
func clientCredentials(r *http.Request, p web.Params) (id, secret string, basic bool, err error) {
	id, secret = p.String("client_id"), p.String("client_secret")
	user, password, basic := r.BasicAuth()
	if !basic {
		return id, secret, false, nil
	}
	user, errUser := url.QueryUnescape(user)
	password, errPassword := url.QueryUnescape(password)
	if errUser != nil || errPassword != nil {
		return "", "", true, invalidRequest("The Authorization header is malformed")
	}
	if id != "" && id != user || secret != "" && secret != password {
		return "", "", true, invalidRequest("Credentials in header and body differ")
	}
	return user, password, true, nil
}

func usesKeys(c *tenant.Client) bool {
	return c.Authentication != nil && c.Authentication.PrivateKeyJWT != nil
}

// checkAssertion verifies a private_key_jwt; each may be used once.
func (s *Surface) checkAssertion(r *http.Request, client *tenant.Client, kind, assertion string) error {
	failure := &Error{Status: http.StatusUnauthorized, Code: "invalid_client", Description: "The client assertion is not valid"}
	if kind != assertionType || !usesKeys(client) {
		return failure
	}
	var keys []tokens.ClientKey
	for _, credential := range client.Authentication.PrivateKeyJWT.Credentials {
		keys = append(keys, tokens.ClientKey{PEM: credential.PEM, Alg: credential.Alg})
	}
	jti, expires, err := tokens.VerifyClientAssertion(assertion, keys, client.ID, s.Issuer, s.Now())
	if err != nil {
		return failure
	}
	err = s.Assertions.Insert(r.Context(), client.ID+" "+jti, "", true, expires)
	if errors.Is(err, sessions.ErrExists) {
		return failure
	}
	return err
}

// verifierMatches checks PKCE (RFC 7636 §4.6): a stored challenge always needs its verifier, and a verifier without a
// challenge is a sign that somebody stripped it.
func verifierMatches(q sessions.AuthorizeRequest, verifier string) bool {
	if q.Challenge == "" {
		return verifier == ""
	}
	if !wellFormedVerifier(verifier) {
		return false
	}
	given := verifier
	if q.ChallengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		given = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return subtle.ConstantTimeCompare([]byte(given), []byte(q.Challenge)) == 1
}

// bearer finds the access token of a request to /userinfo: header, form or query (RFC 6750 §2).
func bearer(r *http.Request) (string, error) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), nil
	}
	query, err := web.Query(r)
	if err != nil {
		return "", err
	}
	if token := query.String("access_token"); token != "" || r.Method != http.MethodPost {
		return token, nil
	}
	body, err := web.Body(r)
	if err != nil {
		return "", err
	}
	return body.String("access_token"), nil
}
