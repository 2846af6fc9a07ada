package dev

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// role is what an address does for a provider.
type role string

const (
	roleAuthorize role = "authorize"
	roleToken     role = "token"
	roleUserinfo  role = "userinfo"
	// roleExtra is an address that answers what the person's data lists under "GET https://HOST/PATH".
	roleExtra     role = "extra"
	roleJWKS      role = "jwks"
	roleDiscovery role = "discovery"
)

// provider is one simulated identity provider. A further one is a row in builtin, a file in people/, and, where its
// errors differ from the standard's, a dialect.
type provider struct {
	key     string // tells providers apart; a code of one is no good at another
	title   string
	people  string // file in people/
	issuer  string // `iss` of its ID tokens; empty: it issues none
	dialect dialect
	// addresses are "host/path", lower-case host without "www."; the first of a role is the one discovery names.
	addresses map[role][]string
	// extraNeeds are scopes of which a token needs one at roleExtra; none: any token will do.
	extraNeeds []string
}

// dialect is how a provider differs from RFC 6749 and OpenID Connect Core.
type dialect struct {
	formTokens bool   // token answers are form encoded unless JSON is asked for
	scopeComma bool   // scopes of a token come back separated by commas
	tokenType  string // as the provider spells it
	offline    func(q url.Values) bool
	refusals   map[refusal]answer
	shape      func(answer) any // body of a refused API call
	cancelText string
}

// refusal is why a provider says no.
type refusal string

const (
	refuseGrantType refusal = "grant type"
	refuseCode      refusal = "code"
	refuseRedirect  refusal = "redirect_uri"
	refuseVerifier  refusal = "verifier"
	refuseClient    refusal = "client"
	refuseToken     refusal = "access token"
	refuseScope     refusal = "scope"
	refuseAddress   refusal = "address"
)

// answer is how it says it.
type answer struct {
	status            int
	code, description string
}

// builtin are the providers whose addresses are known to the world.
var builtin = [...]provider{
	{
		key: "google-oauth2", title: "Google", people: "google-oauth2", issuer: "https://accounts.google.com", dialect: google,
		addresses: map[role][]string{
			roleAuthorize: {"accounts.google.com/o/oauth2/v2/auth", "accounts.google.com/o/oauth2/auth"},
			roleToken:     {"oauth2.googleapis.com/token", "googleapis.com/oauth2/v4/token", "accounts.google.com/o/oauth2/token"},
			roleUserinfo:  {"openidconnect.googleapis.com/v1/userinfo", "googleapis.com/oauth2/v3/userinfo"},
			roleJWKS:      {"googleapis.com/oauth2/v3/certs"},
			roleDiscovery: {"accounts.google.com/.well-known/openid-configuration"},
		},
	},
	{
		key: "github", title: "GitHub", people: "github", dialect: github,
		addresses: map[role][]string{
			roleAuthorize: {"github.com/login/oauth/authorize"},
			roleToken:     {"github.com/login/oauth/access_token"},
			roleUserinfo:  {"api.github.com/user"},
			roleExtra:     {"api.github.com/user/emails"},
		},
		// GitHub REST API, "List email addresses for the authenticated user": user:email, which user includes.
		extraNeeds: []string{"user:email", "user"},
	},
}

// standard is what the specifications say (RFC 6749 §5.2, RFC 6750 §3.1).
var standard = dialect{
	tokenType:  "Bearer",
	offline:    func(q url.Values) bool { return slices.Contains(strings.Fields(q.Get("scope")), "offline_access") },
	cancelText: "The resource owner denied the request",
	shape:      func(a answer) any { return errorBody{a.code, a.description} },
	refusals: map[refusal]answer{
		refuseGrantType: {http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code or refresh_token"},
		refuseCode:      {http.StatusBadRequest, "invalid_grant", "The code is unknown, expired, used before, or another client's"},
		refuseRedirect:  {http.StatusBadRequest, "invalid_grant", "redirect_uri differs from the authorization request"},
		refuseVerifier:  {http.StatusBadRequest, "invalid_grant", "code_verifier does not match the code_challenge"},
		refuseClient:    {http.StatusUnauthorized, "invalid_client", "Client authentication failed"},
		refuseToken:     {http.StatusUnauthorized, "invalid_token", "The access token is unknown or expired"},
		refuseScope:     {http.StatusForbidden, "insufficient_scope", "The access token lacks the scope"},
		refuseAddress:   {http.StatusNotFound, "not_found", "No such simulated resource"},
	},
}

// google: Google, "Using OAuth 2.0 for Web Server Applications", errors; "OpenID Connect", access_type.
var google = dialect{
	tokenType: "Bearer",
	offline:   func(q url.Values) bool { return q.Get("access_type") == "offline" },
	shape:     standard.shape,
	refusals: map[refusal]answer{
		refuseGrantType: {http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type"},
		refuseCode:      {http.StatusBadRequest, "invalid_grant", "Bad Request"},
		refuseRedirect:  {http.StatusBadRequest, "redirect_uri_mismatch", "Bad Request"},
		refuseVerifier:  {http.StatusBadRequest, "invalid_grant", "Invalid code verifier."},
		refuseClient:    {http.StatusUnauthorized, "invalid_client", "The OAuth client was not found."},
		refuseToken:     {http.StatusUnauthorized, "invalid_request", "Invalid Credentials"},
		refuseScope:     {http.StatusForbidden, "insufficient_scope", "Request had insufficient authentication scopes."},
		refuseAddress:   {http.StatusNotFound, "not_found", "The requested URL was not found on this server."},
	},
}

// github: GitHub Docs, "Troubleshooting OAuth app access token request errors" (errors come with status 200) and
// "Troubleshooting authorization request errors"; REST API, "Troubleshooting" for bad credentials, and 404 where a scope
// is missing.
var github = dialect{
	formTokens: true,
	scopeComma: true,
	tokenType:  "bearer",
	offline:    func(url.Values) bool { return false },
	cancelText: "The user has denied your application access.",
	shape: func(a answer) any {
		return map[string]string{
			"message": a.description, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(a.status),
		}
	},
	refusals: map[refusal]answer{
		refuseGrantType: {http.StatusOK, "unsupported_grant_type", "The grant type is not supported."},
		refuseCode:      {http.StatusOK, "bad_verification_code", "The code passed is incorrect or expired."},
		refuseRedirect:  {http.StatusOK, "redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL for this application."},
		refuseVerifier:  {http.StatusOK, "bad_verification_code", "The code passed is incorrect or expired."},
		refuseClient:    {http.StatusOK, "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect."},
		refuseToken:     {http.StatusUnauthorized, "", "Bad credentials"},
		refuseScope:     {http.StatusNotFound, "", "Not Found"},
		refuseAddress:   {http.StatusNotFound, "", "Not Found"},
	},
}

const discoveryPath = "/.well-known/openid-configuration"

// find returns the provider that an address belongs to and what the address does there: a built-in one, else a
// configured OpenID connection, else an OpenID provider made up for the host.
func (s *simulator) find(address string) (provider, role) {
	for _, p := range builtin {
		if r := p.roleOf(address); r != "" {
			return p, r
		}
	}
	for _, c := range s.dev.conns() {
		if c.Strategy != "oidc" {
			continue
		}
		p := configuredProvider(c)
		if r := p.roleOf(address); r != "" {
			return p, r
		}
	}
	return genericProvider(address)
}

func (p provider) roleOf(address string) role {
	for r, addresses := range p.addresses {
		if slices.Contains(addresses, address) {
			return r
		}
	}
	return ""
}

func (p provider) urlOf(r role) string {
	if len(p.addresses[r]) == 0 {
		return ""
	}
	return "https://" + p.addresses[r][0]
}

// configuredProvider takes the addresses from a connection's options; what they leave out is where genericProvider has it.
func configuredProvider(c ConnectionInfo) provider {
	text := func(name string) string { s, _ := c.Options[name].(string); return s }
	issuer := text("issuer")
	if issuer == "" {
		issuer = strings.TrimSuffix(text("discovery_url"), discoveryPath)
	}
	p := openIDProvider(issuer)
	if issuer == "" {
		p.addresses = map[role][]string{}
	}
	p.key, p.title = "oidc:"+c.Name, c.Name
	for option, r := range map[string]role{
		"discovery_url": roleDiscovery, "authorization_endpoint": roleAuthorize, "token_endpoint": roleToken,
		"userinfo_endpoint": roleUserinfo, "jwks_uri": roleJWKS,
	} {
		if address := addressOf(text(option)); address != "" {
			p.addresses[r] = []string{address}
		}
	}
	return p
}

// genericProvider makes up an OpenID provider for any host: the path before a known ending is part of its issuer.
func genericProvider(address string) (provider, role) {
	for _, r := range []role{roleAuthorize, roleToken, roleUserinfo, roleJWKS, roleDiscovery} {
		if base, ok := strings.CutSuffix(address, genericEnding(r)); ok {
			return openIDProvider("https://" + base), r
		}
	}
	host, _, _ := strings.Cut(address, "/")
	return openIDProvider("https://" + host), ""
}

func genericEnding(r role) string {
	if r == roleDiscovery {
		return discoveryPath
	}
	return "/" + string(r)
}

func openIDProvider(issuer string) provider {
	base := strings.TrimSuffix(addressOf(issuer), "/")
	p := provider{key: "oidc:" + issuer, title: base, people: "oidc", issuer: issuer, dialect: standard, addresses: map[role][]string{}}
	for _, r := range []role{roleAuthorize, roleToken, roleUserinfo, roleJWKS, roleDiscovery} {
		p.addresses[r] = []string{base + genericEnding(r)}
	}
	return p
}

// addressOf turns https://www.Host/path/ into host/path, the form in which addresses are compared; "" where the text is no
// https URL.
func addressOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return canonical(u.Host, u.Path)
}

func canonical(host, path string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(host), "www."), ":443")
	return host + strings.TrimSuffix("/"+strings.TrimPrefix(path, "/"), "/")
}
