package tenant

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a noun.
type Problem struct {
	// Path names the key inside the noun: "callbacks[1]", "refresh_token.leeway".
	Path    string
	Message string
}

// String is "path: message".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// problems collects what the checks find.
type problems []Problem

func (p *problems) addf(path, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// length checks a text's number of characters; least is 0 or 1.
func (p *problems) length(path, text string, least, most int) {
	n := utf8.RuneCountInString(text)
	if n < least {
		p.addf(path, "is missing")
	}
	if n > most {
		p.addf(path, "has %d characters (allowed: up to %d)", n, most)
	}
}

// oneOf checks a text against the known ones; empty is left to others.
func (p *problems) oneOf(path, text string, known []string) {
	if text != "" && !slices.Contains(known, text) {
		p.addf(path, "unknown value %q (allowed: %s)", text, strings.Join(known, ", "))
	}
}

func (p *problems) between(path string, n, least, most int) {
	if n < least || n > most {
		p.addf(path, "is %d (allowed: %d to %d)", n, least, most)
	}
}

func (p *problems) noAngles(path, text string) {
	if strings.ContainsAny(text, "<>") {
		p.addf(path, `must not contain "<" or ">"`)
	}
}

func (p *problems) metadata(path string, m map[string]string) {
	if len(m) > 10 {
		p.addf(path, "has %d keys (allowed: up to 10)", len(m))
	}
	for _, key := range sortedKeys(m) {
		if utf8.RuneCountInString(key) > 255 || utf8.RuneCountInString(m[key]) > 255 {
			p.addf(path+"."+key, "key and text may have up to 255 characters each")
		}
	}
}

// grantTypes are the grant types that a client may be given (Auth0: Application Grant Types).
var grantTypes = []string{
	"authorization_code", "implicit", "refresh_token", "client_credentials", "password",
	"http://auth0.com/oauth/grant-type/password-realm",
	"http://auth0.com/oauth/grant-type/passwordless/otp",
	"http://auth0.com/oauth/grant-type/mfa-oob", "http://auth0.com/oauth/grant-type/mfa-otp",
	"http://auth0.com/oauth/grant-type/mfa-recovery-code",
	"urn:ietf:params:oauth:grant-type:device_code",
	"urn:ietf:params:oauth:grant-type:token-exchange",
	"urn:ietf:params:oauth:grant-type:jwt-bearer",
	"urn:openid:params:grant-type:ciba",
	"urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
	// Of old tenants; kept by exports.
	"http://auth0.com/oauth/legacy/grant-type/ro", "http://auth0.com/oauth/legacy/grant-type/ro/jwt-bearer",
	"http://auth0.com/oauth/legacy/grant-type/delegation/refresh_token",
	"http://auth0.com/oauth/legacy/grant-type/delegation/id_token",
	"http://auth0.com/oauth/legacy/grant-type/access_token",
}

var (
	authMethods       = []string{"none", "client_secret_post", "client_secret_basic"}
	idTokenAlgs       = []string{"RS256", "HS256", "RS512", "PS256"}
	accessTokenAlgs   = []string{"RS256", "HS256", "RS512", "PS256", "ES256"}
	tokenDialects     = []string{"access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz"}
	rotationTypes     = []string{"rotating", "non-rotating"}
	expirationTypes   = []string{"expiring", "non-expiring"}
	clientIDPattern   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	connectionPattern = regexp.MustCompile(`^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$`)
)

// maxTokenLifetime is the longest refresh token lifetime in seconds, five years (Auth0: clients, token_lifetime).
const maxTokenLifetime = 157788000

// CheckClient finds what is wrong with a complete client (Auth0: Management API, clients; URL rules: [MatchCallback]).
func CheckClient(c *Client) []Problem {
	var p problems
	if c.Name == "" {
		p.addf("name", "is missing")
	}
	if c.ID == "" {
		p.addf("client_id", "is missing")
	}
	if c.Secret == "" && !c.Public() && c.Authentication == nil {
		p.addf("client_secret", "is missing: only clients with token_endpoint_auth_method none have no secret")
	}
	return append(p, checkClientKeys(c)...)
}

// checkClientKeys looks at what is given and asks for nothing that is missing: the check for parts of a client.
func checkClientKeys(c *Client) []Problem {
	var p problems
	p.noAngles("name", c.Name)
	p.length("description", c.Description, 0, 140)
	if c.ID != "" && !clientIDPattern.MatchString(c.ID) {
		p.addf("client_id", "must have 1 to 64 letters, digits, \"-\" and \"_\"")
	}
	p.urls("callbacks", c.Callbacks, callbackProblem)
	p.urls("allowed_logout_urls", c.AllowedLogoutURLs, callbackProblem)
	p.urls("web_origins", c.WebOrigins, originProblem)
	p.urls("allowed_origins", c.AllowedOrigins, originProblem)
	if c.InitiateLoginURI != "" {
		p.urls("initiate_login_uri", []string{c.InitiateLoginURI}, httpsProblem)
	}
	for i, g := range c.GrantTypes {
		p.oneOf(fmt.Sprintf("grant_types[%d]", i), g, grantTypes)
	}
	p.oneOf("token_endpoint_auth_method", c.TokenEndpointAuthMethod, authMethods)
	p.clientAuthentication(c)
	p.oneOf("jwt_configuration.alg", c.JWT.Alg, idTokenAlgs)
	if c.JWT.LifetimeInSeconds != 0 {
		p.between("jwt_configuration.lifetime_in_seconds", c.JWT.LifetimeInSeconds, 1, 2592000)
	}
	p.refreshToken(c.RefreshToken)
	p.metadata("client_metadata", c.ClientMetadata)
	return p
}

func (p *problems) clientAuthentication(c *Client) {
	if c.Authentication == nil {
		return
	}
	if c.TokenEndpointAuthMethod != "" {
		p.addf("client_authentication_methods", "excludes token_endpoint_auth_method")
	}
	if c.Authentication.PrivateKeyJWT == nil {
		return
	}
	for i, credential := range c.Authentication.PrivateKeyJWT.Credentials {
		at := fmt.Sprintf("client_authentication_methods.private_key_jwt.credentials[%d]", i)
		p.oneOf(at+".alg", credential.Alg, []string{"RS256", "RS384", "PS256"})
		p.oneOf(at+".credential_type", credential.Type, []string{"public_key"})
	}
}

func (p *problems) refreshToken(r RefreshTokenSettings) {
	p.oneOf("refresh_token.rotation_type", r.RotationType, rotationTypes)
	p.oneOf("refresh_token.expiration_type", r.ExpirationType, expirationTypes)
	p.between("refresh_token.leeway", r.Leeway, 0, maxTokenLifetime)
	p.between("refresh_token.token_lifetime", r.TokenLifetime, 0, maxTokenLifetime)
	p.between("refresh_token.idle_token_lifetime", r.IdleTokenLifetime, 0, maxTokenLifetime)
	if r.RotationType == "rotating" && r.ExpirationType == "non-expiring" {
		p.addf("refresh_token.expiration_type", "must be expiring where tokens rotate")
	}
}

// CheckConnection finds what is wrong with a complete connection. strategies are the known ones; nil accepts every one.
// Options are the connectors' business and not looked at beyond what all strategies share.
func CheckConnection(c *Connection, strategies map[string]bool) []Problem {
	var p problems
	p.length("name", c.Name, 1, 128)
	if c.Name != "" && !connectionPattern.MatchString(c.Name) {
		p.addf("name", "may have letters, digits and single hyphens between them")
	}
	p.length("display_name", c.DisplayName, 0, 128)
	if c.Strategy == "" {
		p.addf("strategy", "is missing")
	} else if strategies != nil && !strategies[c.Strategy] {
		p.addf("strategy", "unknown strategy %q (allowed: %s)", c.Strategy, strings.Join(sortedKeys(strategies), ", "))
	}
	for i, realm := range c.Realms {
		if !connectionPattern.MatchString(realm) {
			p.addf(fmt.Sprintf("realms[%d]", i), "may have letters, digits and single hyphens between them")
		}
	}
	if mode, given := c.Options["set_user_root_attributes"]; given {
		text, _ := mode.(string)
		if !slices.Contains([]string{SyncOnEachLogin, SyncOnFirstLogin, SyncNever}, text) {
			p.addf("options.set_user_root_attributes", "unknown value (allowed: %s, %s, %s)", SyncOnEachLogin, SyncOnFirstLogin, SyncNever)
		}
	}
	for _, problem := range c.CheckSignupFields() {
		p.addf("options", "%v", problem)
	}
	p.metadata("metadata", c.Metadata)
	return p
}

// CheckResourceServer finds what is wrong with a complete API (Auth0: Management API, resource-servers).
func CheckResourceServer(r *ResourceServer) []Problem {
	var p problems
	p.length("identifier", r.Identifier, 1, 600)
	p.length("name", r.Name, 0, 200)
	p.noAngles("name", r.Name)
	p.oneOf("signing_alg", r.SigningAlg, accessTokenAlgs)
	if r.SigningAlg == "HS256" || r.SigningSecret != "" {
		if len(r.SigningSecret) < 16 {
			p.addf("signing_secret", "needs at least 32 characters (RFC 7518 §3.2)")
		}
	}
	p.between("token_lifetime", r.TokenLifetime, 0, 2592000)
	p.between("token_lifetime_for_web", r.TokenLifetimeWeb, 0, 2592000)
	p.oneOf("token_dialect", r.TokenDialect, tokenDialects)
	if len(r.Scopes) > 1000 {
		p.addf("scopes", "has %d members (allowed: up to 1000)", len(r.Scopes))
	}
	seen := make(map[string]bool, len(r.Scopes))
	for i, scope := range r.Scopes {
		at := fmt.Sprintf("scopes[%d].value", i)
		p.scope(at, scope.Value)
		if seen[scope.Value] {
			p.addf(at, "%q is listed twice", scope.Value)
		}
		seen[scope.Value] = true
	}
	return p
}

// scope checks the characters of a scope token (RFC 6749 §3.3).
func (p *problems) scope(path, value string) {
	p.length(path, value, 1, 280)
	for i := range len(value) {
		if b := value[i]; b <= ' ' || b >= 0x7f || b == '"' || b == '\\' {
			p.addf(path, "may not contain blanks, quotes, backslashes or characters outside ASCII")
			return
		}
	}
}

// CheckClientGrant finds what is wrong with a grant by itself; whether client and API exist is for the caller.
func CheckClientGrant(g *ClientGrant) []Problem {
	var p problems
	if g.ClientID == "" {
		p.addf("client_id", "is missing")
	}
	if g.Audience == "" {
		p.addf("audience", "is missing")
	}
	for i, scope := range g.Scope {
		p.scope(fmt.Sprintf("scope[%d]", i), scope)
	}
	return p
}

// CheckRole finds what is wrong with a role by itself.
func CheckRole(r *Role) []Problem {
	var p problems
	p.length("name", r.Name, 1, 255)
	p.length("description", r.Description, 0, 1024)
	for i, permission := range r.Permissions {
		at := fmt.Sprintf("permissions[%d]", i)
		if permission.Identifier == "" {
			p.addf(at+".resource_server_identifier", "is missing")
		}
		p.scope(at+".permission_name", permission.Name)
	}
	return p
}

// CheckSettings finds what is wrong with a tenant's settings (Auth0: Management API, tenants/settings, branding).
func CheckSettings(s *Settings) []Problem {
	var p problems
	p.urls("allowed_logout_urls", s.AllowedLogoutURLs, callbackProblem)
	if s.DefaultRedirectionURI != "" {
		p.urls("default_redirection_uri", []string{s.DefaultRedirectionURI}, httpsProblem)
	}
	// A year is the longest that Auth0 sells.
	for path, hours := range map[string]float64{"session_lifetime": s.SessionLifetime, "idle_session_lifetime": s.IdleSessionLifetime} {
		if hours < 0 || hours > 8760 {
			p.addf(path, "is %g hours (allowed: up to 8760)", hours)
		}
	}
	for path, color := range map[string]string{
		"branding.colors.primary": s.Branding.Colors.Primary, "branding.colors.page_background": s.Branding.Colors.PageBackground,
	} {
		if color != "" && !colorPattern.MatchString(color) {
			p.addf(path, "is no color (allowed: #rgb or #rrggbb)")
		}
	}
	slices.SortFunc(p, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return p
}

var colorPattern = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

// urls checks each of a list of URLs; a single URL is a list whose path has no number.
func (p *problems) urls(path string, list []string, problem func(string) string) {
	for i, u := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if strings.HasSuffix(path, "_uri") {
			at = path
		}
		if message := problem(u); message != "" {
			p.addf(at, "%s", message)
		}
	}
}

// organizationLabel is the placeholder that Auth0 takes as the whole left-most label of a host. It is accepted, so that
// exports can be read, and matches nothing.
const organizationLabel = "://{organization_name}."

// callbackProblem says why a URL may not be registered as callback or logout URL (RFC 6749 §3.1.2, RFC 8252 §7.1; Auth0:
// Subdomain URL Placeholders), "" where it may.
func callbackProblem(raw string) string {
	p, ok := splitURL(strings.Replace(raw, organizationLabel, "://*.", 1))
	switch {
	case !ok:
		return "is no acceptable URL: it needs a scheme and, for http and https, a host, and may have no user information, " +
			"no blanks, control characters or backslashes, and no scheme that runs code or reads files"
	case p.hasFragment():
		return "may not have a fragment"
	case !p.web() && !p.authority && !strings.Contains(p.scheme, "."):
		return "a scheme of one's own needs a dot, such as com.example.app:/callback"
	case p.web() && !validHost(p.host):
		return "has no valid host"
	}
	return wildcardProblem(p)
}

func originProblem(raw string) string {
	if message := callbackProblem(raw); message != "" {
		return message
	}
	if p, ok := splitURL(strings.Replace(raw, organizationLabel, "://*.", 1)); !ok || !p.authority || p.host == "" || (p.rest != "" && p.rest != "/") {
		return "is no origin (allowed: scheme://host or scheme://host:port)"
	}
	return ""
}

func httpsProblem(raw string) string {
	if message := callbackProblem(raw); message != "" {
		return message
	}
	if p, ok := splitURL(raw); ok && p.scheme != "https" {
		return "must begin with https://"
	}
	return ""
}

// validHost tells whether a host can be looked up: no empty labels, and an IPv4 address where it looks like one.
func validHost(host string) bool {
	if strings.HasPrefix(host, "[") {
		return true
	}
	labels := strings.Split(host, ".")
	if last := labels[len(labels)-1]; last != "" && strings.Trim(last, "0123456789") == "" {
		_, err := netip.ParseAddr(host)
		return err == nil || strings.Contains(host, "*")
	}
	return !slices.Contains(labels, "")
}

// sortedKeys gives maps an order, so that problems and changes come in the same one every time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
