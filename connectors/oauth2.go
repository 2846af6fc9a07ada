package connectors

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/oauth2"

	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/tenant"
)

// app is our registration at an OAuth 2.0 provider: what every redirect connector begins and ends with.
type app struct {
	conn              *tenant.Connection
	out               Outside
	id, secret        string
	authURL, tokenURL string
	style             oauth2.AuthStyle
	pkce              string // S256, plain, or "" for none
}

// newApp reads what all redirect connections have: client_id and client_secret. Providers outside OpenID Connect take the
// secret as a form field.
func newApp(conn *tenant.Connection, out Outside, authURL, tokenURL string) (app, error) {
	a := app{
		conn: conn, out: out, id: conn.String("client_id"), secret: conn.String("client_secret"),
		authURL: authURL, tokenURL: tokenURL, style: oauth2.AuthStyleInParams, pkce: "S256",
	}
	if a.id == "" {
		return app{}, fmt.Errorf("connection %q: client_id is missing", conn.Name)
	}
	return a, nil
}

// authCodeURL returns where to send the browser (RFC 6749 §4.1.1, RFC 7636 §4.3) and what to remember. params are the
// provider's own parameters; upstream_params come on top, but never over those of the protocol.
func (a app) authCodeURL(req AuthRequest, scopes []string, params url.Values) (string, Pending) {
	var pending Pending
	values := a.upstreamParams(req.Params)
	for name, value := range params {
		if values.Get(name) == "" {
			values[name] = value
		}
	}
	var options []oauth2.AuthCodeOption
	for name := range values {
		if value := values.Get(name); value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	if a.pkce != "" {
		pending.Verifier = oauth2.GenerateVerifier()
	}
	switch a.pkce {
	case "S256":
		options = append(options, oauth2.S256ChallengeOption(pending.Verifier))
	case "plain":
		options = append(options, oauth2.SetAuthURLParam("code_challenge", pending.Verifier),
			oauth2.SetAuthURLParam("code_challenge_method", "plain"))
	}
	config := oauth2.Config{
		ClientID: a.id, RedirectURL: req.RedirectURI, Scopes: uniqueScopes(scopes, req.Scopes),
		Endpoint: oauth2.Endpoint{AuthURL: a.out.Client.Rewrite(a.authURL)},
	}
	return config.AuthCodeURL(req.State, options...), pending
}

// upstreamParams are the connection's fixed parameters ({"value": …}) and those it takes over from the app's request
// ({"alias": …}). Auth0: Pass Parameters to Identity Providers.
func (a app) upstreamParams(given url.Values) url.Values {
	values := url.Values{}
	for name, v := range a.conn.Map("upstream_params") {
		spec, _ := v.(map[string]any)
		if protocolParam(name) {
			continue
		}
		if value, ok := spec["value"].(string); ok {
			values.Set(name, value)
		} else if alias, ok := spec["alias"].(string); ok {
			values.Set(name, given.Get(alias))
		}
	}
	return values
}

// protocolParam tells whether the safety of a login hangs on the parameter.
func protocolParam(name string) bool {
	return slices.Contains([]string{
		"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
		"code_challenge", "code_challenge_method", "request", "request_uri",
	}, name)
}

// exchange redeems the callback's code (RFC 6749 §4.1.3). Errors: *ProviderError.
func (a app) exchange(ctx context.Context, cb Callback) (*oauth2.Token, error) {
	code, err := one(cb.Params, "code")
	if err != nil {
		return nil, err
	}
	config := oauth2.Config{
		ClientID: a.id, ClientSecret: a.secret, RedirectURL: cb.RedirectURI,
		Endpoint: oauth2.Endpoint{TokenURL: a.tokenURL, AuthStyle: a.style},
	}
	var options []oauth2.AuthCodeOption
	if cb.Pending.Verifier != "" {
		options = append(options, oauth2.VerifierOption(cb.Pending.Verifier))
	}
	token, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, tokenClient(a.out.Client.HTTP())), code, options...)
	if err != nil {
		return nil, tokenError(err)
	}
	return token, nil
}

// tokenClient asks for JSON (GitHub answers a form otherwise) and follows no redirect: the request holds the client secret.
func tokenClient(client *http.Client) *http.Client {
	c := *client
	c.Transport = jsonTransport{c.Transport}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

type jsonTransport struct{ base http.RoundTripper }

func (t jsonTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "application/json")
	return t.base.RoundTrip(req)
}

// one returns a parameter that stands exactly once in a callback.
func one(params url.Values, name string) (string, error) {
	if values := params[name]; len(values) == 1 && values[0] != "" {
		return values[0], nil
	}
	return "", &ProviderError{
		Code: "invalid_request", Description: "The identity provider's answer has no " + name + ".",
		Err: fmt.Errorf("callback has %d values of %s", len(params[name]), name),
	}
}

// neutral is what people read where the cause concerns the operator only.
const neutral = "The identity provider could not complete the login."

// refuse wraps a cause that is for the log only.
func refuse(err error) error {
	var already *ProviderError
	if errors.As(err, &already) {
		return err
	}
	return &ProviderError{Code: "access_denied", Description: neutral, Err: err}
}

// callbackError is the provider's refusal in a callback, nil where there is none (RFC 6749 §4.1.2.1).
func callbackError(params url.Values) error {
	code := params.Get("error")
	if code == "" {
		return nil
	}
	e := &ProviderError{Code: code, Description: plainText(params.Get("error_description"))}
	if !slices.Contains(authorizationErrors(), code) {
		e.Code, e.Err = "access_denied", fmt.Errorf("the provider's error is %.80q", code)
	}
	if e.Description == "" {
		e.Description = neutral
	}
	return e
}

// authorizationErrors are the codes an app may get at its redirect URI: RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6.
func authorizationErrors() []string {
	return []string{
		"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope",
		"server_error", "temporarily_unavailable", "interaction_required", "login_required", "account_selection_required",
		"consent_required", "invalid_request_uri", "invalid_request_object", "request_not_supported",
		"request_uri_not_supported", "registration_not_supported",
	}
}

// tokenError maps what the token endpoint said. A client that the provider doesn't accept is told apart, as that is for the
// operator to mend; all else is access_denied. The provider's body never gets into an error.
func tokenError(err error) error {
	var retrieve *oauth2.RetrieveError
	if !errors.As(err, &retrieve) {
		return refuse(fmt.Errorf("token endpoint: %w", err))
	}
	status := 0
	if retrieve.Response != nil {
		status = retrieve.Response.StatusCode
	}
	e := &ProviderError{
		Code: "access_denied", Description: plainText(retrieve.ErrorDescription),
		Err: fmt.Errorf("token endpoint: status %d, error %.80q", status, retrieve.ErrorCode),
	}
	switch retrieve.ErrorCode {
	case "invalid_request":
		e.Code = "invalid_request"
	case "invalid_client", "unauthorized_client", "incorrect_client_credentials": // the last is GitHub's
		e.Code = "unauthorized_client"
	}
	if e.Description == "" || status >= http.StatusInternalServerError {
		e.Description = neutral
	}
	return e
}

// plainText makes one line of at most 500 characters of what a provider wrote. Surfaces still have to escape it.
func plainText(s string) string {
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(line); len(runes) > 500 {
		return string(runes[:500])
	}
	return line
}

func uniqueScopes(lists ...[]string) (scopes []string) {
	for _, scope := range slices.Concat(lists...) {
		if scope != "" && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// sameSubject refuses a userinfo answer that is not about the person of the ID token (OpenID Connect Core §5.3.2).
func sameSubject(claims map[string]any, userinfo any) error {
	profile, ok := userinfo.(map[string]any)
	if !ok {
		return errors.New("the userinfo answer is not an object")
	}
	if claims == nil {
		return nil
	}
	a, _ := claims["sub"].(string)
	b, _ := profile["sub"].(string)
	if subtle.ConstantTimeCompare([]byte(a), []byte(b)) != 1 {
		return errors.New("the ID token and the userinfo answer are about different subjects")
	}
	return nil
}

func newNonce() string { return ids.Secret() }
