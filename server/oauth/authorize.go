package oauth

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// request is a request to /authorize on its way through the checks. Until target is proven, errors stay on our page;
// after that they go to the app.
type request struct {
	params web.Params
	config *tenant.Config
	client *tenant.Client
	sessions.AuthorizeRequest
	idTokenHint string
}

// proveTarget checks client and redirect URI (RFC 6749 §3.1.2.4: without them nobody is redirected anywhere).
func (s *Surface) proveTarget(r *http.Request) (*request, error) {
	params, err := authorizeParams(r)
	if err != nil {
		return nil, err
	}
	q := &request{params: params, config: s.Tenant.Current()}
	q.ClientID = params.String("client_id")
	if q.ClientID == "" {
		return nil, missing("client_id")
	}
	if q.client = q.config.Clients[q.ClientID]; q.client == nil {
		return nil, invalidRequest("Unknown client: " + printable(q.ClientID))
	}
	q.RedirectURI = params.String("redirect_uri")
	q.RedirectURISent = q.RedirectURI != ""
	if q.RedirectURI == "" {
		if q.RedirectURI = firstCallback(q.client); q.RedirectURI == "" {
			return nil, missing("redirect_uri")
		}
	}
	if !tenant.MatchCallback(q.client.Callbacks, q.RedirectURI) {
		return nil, errCallback
	}
	return q, nil
}

var errCallback = &Error{
	Status: http.StatusForbidden, Code: "unauthorized_client",
	Description: "Callback URL mismatch. URL is not in the list of allowed callback URLs",
}

func authorizeParams(r *http.Request) (web.Params, error) {
	if r.Method == http.MethodPost {
		return web.Body(r)
	}
	return web.Query(r)
}

func firstCallback(c *tenant.Client) string {
	if len(c.Callbacks) == 0 || strings.Contains(c.Callbacks[0], "*") {
		return ""
	}
	return c.Callbacks[0]
}

// check fills in the rest of the request. Its errors go to the app, in the response mode that check settles first.
func (s *Surface) check(q *request) error {
	p := q.params
	q.State = p.String("state")
	q.ResponseType = canonicalType(p.String("response_type"))
	if err := q.settleMode(p.String("response_mode")); err != nil {
		return err
	}
	steps := []func() error{q.checkType, q.checkPKCE, q.checkPrompt, func() error { return s.checkAudience(q) }, q.checkConnection}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	q.Nonce, q.LoginHint = p.String("nonce"), p.String("login_hint")
	q.ScreenHint, q.UILocales = p.String("screen_hint"), p.String("ui_locales")
	q.ConnectionScope = strings.FieldsFunc(p.String("connection_scope"), func(r rune) bool { return r == ',' || r == ' ' })
	q.idTokenHint = p.String("id_token_hint")
	q.Extra = q.otherParams()
	return nil
}

// canonicalType orders the parts of a response_type, which come in any order (OAuth 2.0 Multiple Response Type Encoding
// Practices §3).
func canonicalType(given string) string {
	parts := strings.Fields(given)
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// settleMode decides how the app gets its answer, errors included.
func (q *request) settleMode(given string) error {
	parts := strings.Fields(q.ResponseType)
	front := slices.Contains(parts, "token") || slices.Contains(parts, "id_token")
	q.ResponseMode = "query"
	if front {
		q.ResponseMode = "fragment"
	}
	switch given {
	case "":
	case "query":
		if front {
			return invalidRequest("response_mode=query can't carry tokens")
		}
	case "fragment", "form_post":
		q.ResponseMode = given
	case "web_message":
		if !tenant.MatchOrigin(q.client.WebOrigins, webOrigin(q.RedirectURI)) {
			return &Error{
				Status: http.StatusForbidden, Code: "unauthorized_client",
				Description: "The origin of redirect_uri is not in the list of allowed web origins",
			}
		}
		q.ResponseMode = given
	default:
		return invalidRequest("Unsupported response_mode: " + printable(given))
	}
	return nil
}

// webOrigin is the origin of a page at the redirect URI, "" where that leads to an app of the machine: no window there can
// be told anything.
func webOrigin(redirectURI string) string {
	origin := tenant.OriginOf(redirectURI)
	if strings.HasPrefix(origin, "https://") || strings.HasPrefix(origin, "http://") {
		return origin
	}
	return ""
}

func (q *request) checkType() error {
	switch q.ResponseType {
	case "":
		return missing("response_type")
	case "code":
	default:
		return &Error{
			Status: http.StatusNotImplemented, Code: "unsupported_response_type",
			Description: "Unsupported response type: " + printable(q.ResponseType),
		}
	}
	if !q.client.AllowsGrant(grantCode) {
		return grantNotAllowed(grantCode)
	}
	if q.params.Has("request") {
		return &Error{Status: http.StatusBadRequest, Code: "request_not_supported", Description: "The request parameter is not supported"}
	}
	if q.params.Has("request_uri") {
		return &Error{Status: http.StatusBadRequest, Code: "request_uri_not_supported", Description: "The request_uri parameter is not supported"}
	}
	return nil
}

// checkPKCE (RFC 7636): S256 always, plain only by the client's setting, and no public client without a challenge.
func (q *request) checkPKCE() error {
	q.Challenge, q.ChallengeMethod = q.params.String("code_challenge"), q.params.String("code_challenge_method")
	if q.Challenge == "" {
		if q.ChallengeMethod != "" {
			return missing("code_challenge")
		}
		if q.client.Public() && !q.client.AllowNoPKCE {
			return invalidRequest("Missing required parameter: code_challenge. Public clients must use PKCE")
		}
		return nil
	}
	if q.ChallengeMethod == "" {
		q.ChallengeMethod = "plain"
	}
	switch {
	case q.ChallengeMethod == "plain" && !q.client.AllowPlainPKCE:
		return invalidRequest("code_challenge_method must be S256")
	case q.ChallengeMethod != "plain" && q.ChallengeMethod != "S256":
		return invalidRequest("Unsupported code_challenge_method: " + printable(q.ChallengeMethod))
	case !wellFormedVerifier(q.Challenge):
		return invalidRequest("code_challenge must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
	}
	return nil
}

func (q *request) checkPrompt() error {
	q.Prompt = strings.Fields(q.params.String("prompt"))
	for _, p := range q.Prompt {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, p) {
			return invalidRequest("Unsupported prompt: " + printable(p))
		}
	}
	if q.Prompts("none") && len(q.Prompt) > 1 {
		return invalidRequest("prompt=none can't be combined with other prompts")
	}
	if given := q.params.String("max_age"); given != "" {
		age, err := strconv.ParseInt(given, 10, 32)
		if err != nil || age < 0 {
			return invalidRequest("max_age must be a number of seconds")
		}
		q.MaxAge = &age
	}
	return nil
}

// checkAudience settles which API the access token is for and which of the asked scopes it may carry.
func (s *Surface) checkAudience(q *request) error {
	q.Audience = s.audience(q.config, q.params.String("audience"))
	scope, err := s.allowedScope(q.config, q.client, q.Audience, strings.Fields(q.params.String("scope")))
	q.Scope = scope
	return err
}

func (q *request) checkConnection() error {
	q.Connection = q.params.String("connection")
	if q.Connection == "" {
		return nil
	}
	conn := q.config.ConnectionByName(q.Connection)
	if conn == nil {
		return invalidRequest("the connection was not found")
	}
	if !conn.EnabledFor(q.ClientID) {
		return invalidRequest("the connection was disabled")
	}
	return nil
}

// otherParams keeps short textual parameters that rules and upstream_params may want (ext-*, access_type, display, …).
func (q *request) otherParams() map[string]string {
	extra := map[string]string{}
	for name, v := range q.params {
		text, ok := v.(string)
		known := slices.Contains([]string{
			"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
			"code_challenge", "code_challenge_method", "id_token_hint", "auth0Client",
		}, name)
		if ok && !known && len(name) <= 64 && len(text) <= 1024 && len(extra) < 30 {
			extra[name] = text
		}
	}
	return extra
}

// wellFormedVerifier checks the alphabet and length that RFC 7636 §4.1 and §4.2 give verifiers and challenges.
func wellFormedVerifier(v string) bool {
	if len(v) < 43 || len(v) > 128 {
		return false
	}
	return !strings.ContainsFunc(v, func(r rune) bool { return !unreserved(r) })
}

// unreserved tells whether the character is of RFC 3986 §2.3's unreserved ones.
func unreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}

// printable shortens what a stranger sent for an error text.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// hostedPath is where the person goes next.
func hostedPath(path, transaction string) string {
	return path + "?" + url.Values{"state": {transaction}}.Encode()
}
