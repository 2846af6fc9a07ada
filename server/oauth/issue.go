package oauth

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// Lifetimes in seconds where nothing is configured (Auth0: API Settings, Update ID Token Lifetime).
const (
	defaultAccessLifetime = 86400
	defaultIDLifetime     = 36000
)

// tokenResponse is RFC 6749 §5.1 and OpenID Connect Core §3.1.3.3.
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	TokenType    string `json:"token_type"`
}

// issuance is what tokens are made for.
type issuance struct {
	config *tenant.Config
	client *tenant.Client
	user   *profilestore.User
	grant  sessions.Grant
	// scope is the grant's, or less where a refresh asked for less.
	scope []string
	nonce string
	gty   string
}

// issue signs the access token and, where openid was granted, the ID token.
func (s *Surface) issue(i issuance) (*tokenResponse, error) {
	now := s.Now()
	access, lifetime, err := s.accessToken(i, now)
	if err != nil {
		return nil, err
	}
	response := &tokenResponse{AccessToken: access, ExpiresIn: int64(lifetime / time.Second), TokenType: "Bearer", Scope: scopeText(i.scope)}
	if slices.Contains(i.scope, "openid") {
		response.IDToken, err = s.idToken(i, now)
	}
	return response, err
}

// accessToken is opaque where only /userinfo is to be read, which saves a signature; a JWT for an API otherwise.
func (s *Surface) accessToken(i issuance, now time.Time) (string, time.Duration, error) {
	api := i.config.ResourceServer(i.grant.Audience)
	lifetime := accessLifetime(api)
	if api == nil {
		token, err := s.Opaque.Issue(tokens.OpaqueToken{
			GrantID: i.grant.ID, Subject: i.grant.UserID, ClientID: i.client.ID, Scope: i.scope,
			IssuedAt: now, ExpiresAt: now.Add(lifetime), ID: ids.Alphanumeric(16),
		})
		return token, lifetime, err
	}
	claims := map[string]any{
		"iss": s.Issuer, "sub": i.grant.UserID, "aud": s.accessAudience(api, i.scope),
		"iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "scope": scopeText(i.scope),
		"jti": accessID(i.grant.ID),
	}
	if i.gty != "" {
		claims["gty"] = i.gty
	}
	token, err := s.signAccess(api, i.client, tokens.MergeCustom(claims, i.grant.AccessClaims))
	return token, lifetime, err
}

// accessAudience names /userinfo beside the API where the token is good there: signed with a key of ours.
func (s *Surface) accessAudience(api *tenant.ResourceServer, scope []string) any {
	if slices.Contains(scope, "openid") && api.SigningAlg != "HS256" {
		return []string{api.Identifier, s.Issuer + "userinfo"}
	}
	return api.Identifier
}

// signAccess signs with the API's algorithm, in its dialect (Auth0: Access Token Profiles).
func (s *Surface) signAccess(api *tenant.ResourceServer, client *tenant.Client, claims map[string]any) (string, error) {
	typ := "JWT"
	if strings.HasPrefix(api.TokenDialect, "rfc9068_profile") {
		typ = "at+jwt"
		claims["client_id"] = client.ID
		delete(claims, "gty")
	} else {
		claims["azp"] = client.ID
	}
	switch api.SigningAlg {
	case "HS256":
		return tokens.SignHS256([]byte(api.SigningSecret), typ, claims)
	case "PS256", "ES256":
		return s.Keys.Sign(api.SigningAlg, typ, claims)
	default:
		return s.Keys.Sign("RS256", typ, claims)
	}
}

func accessLifetime(api *tenant.ResourceServer) time.Duration {
	if api == nil || api.TokenLifetime <= 0 {
		return defaultAccessLifetime * time.Second
	}
	return time.Duration(api.TokenLifetime) * time.Second
}

// accessID is a token's jti. It begins with the grant's id, so that a signed token is as revocable as its grant.
func accessID(grantID string) string { return grantID + "." + ids.Alphanumeric(16) }

// grantOf returns the grant that a jti speaks of.
func grantOf(jti any) string {
	text, _ := jti.(string)
	grantID, _, ok := strings.Cut(text, ".")
	if !ok {
		return ""
	}
	return grantID
}

// idToken carries who the person is (OpenID Connect Core §2), by scope.
func (s *Surface) idToken(i issuance, now time.Time) (string, error) {
	lifetime := i.client.JWT.LifetimeInSeconds
	if lifetime <= 0 {
		lifetime = defaultIDLifetime
	}
	claims := map[string]any{
		"iss": s.Issuer, "aud": i.client.ID, "iat": now.Unix(), "exp": now.Unix() + int64(lifetime),
		"auth_time": i.grant.AuthTime.Unix(),
	}
	maps.Copy(claims, personClaims(i.user, i.scope, i.grant.IDClaims))
	if i.nonce != "" {
		claims["nonce"] = i.nonce
	}
	if i.grant.SessionID != "" {
		claims["sid"] = i.grant.SessionID
	}
	switch i.client.JWT.Alg {
	case "HS256":
		return tokens.SignHS256([]byte(i.client.Secret), "JWT", claims)
	case "PS256":
		return s.Keys.Sign("PS256", "JWT", claims)
	default:
		return s.Keys.Sign("RS256", "JWT", claims)
	}
}

// personClaims are the claims of ID tokens and /userinfo alike: standard ones by scope, custom ones as rules and actions
// left them. A standard claim that a rule set is subject to its scope all the same.
func personClaims(user *profilestore.User, scope []string, custom map[string]any) map[string]any {
	standard := normalize.StandardClaims(user.ID, user.Root, user.UpdatedAt, scope)
	allowed := make(map[string]any, len(custom))
	for name, value := range custom {
		if claimAllowed(name, scope) {
			allowed[name] = value
		}
	}
	return tokens.MergeCustom(standard, allowed)
}

// claimAllowed: a custom claim with a standard name needs the standard's scope; others need none.
func claimAllowed(name string, scope []string) bool {
	needed := tokens.ClaimScope(name)
	return needed == "" || slices.Contains(scope, needed)
}

// refreshPolicy reads a client's refresh-token settings.
func refreshPolicy(c *tenant.Client) sessions.RefreshPolicy {
	set := c.RefreshToken
	p := sessions.RefreshPolicy{Rotating: set.RotationType == "rotating", Leeway: time.Duration(set.Leeway) * time.Second}
	if set.ExpirationType != "expiring" {
		return p
	}
	if !set.InfiniteTokenLifetime {
		p.Lifetime = seconds(set.TokenLifetime, 2592000)
	}
	if !set.InfiniteIdleTokenLifetime {
		p.Idle = seconds(set.IdleTokenLifetime, 1296000)
	}
	return p
}

func seconds(configured, otherwise int) time.Duration {
	if configured <= 0 {
		configured = otherwise
	}
	return time.Duration(configured) * time.Second
}

// forever is how long a grant is kept whose refresh token has no end.
const forever = 100 * 365 * 24 * time.Hour

// begin stores a new grant, with a refresh token where offline_access was granted, and issues its tokens. Signing comes
// first: a grant whose tokens could not be made is never stored.
func (s *Surface) begin(ctx context.Context, i issuance) (*tokenResponse, error) {
	now := s.Now()
	i.grant.CreatedAt, i.grant.ClientID, i.grant.UserID, i.grant.Scope = now, i.client.ID, i.user.ID, i.scope
	i.grant.ExpiresAt = now.Add(accessLifetime(i.config.ResourceServer(i.grant.Audience)))
	var first *sessions.RefreshToken
	var secret string
	if slices.Contains(i.scope, offlineAccess) {
		policy := refreshPolicy(i.client)
		secret = newRefreshToken()
		token := sessions.FirstToken(sessions.Hash(secret), i.grant.ID, policy, now)
		first = &token
		i.grant.ExpiresAt = now.Add(forever)
		if policy.Lifetime > 0 {
			i.grant.ExpiresAt = now.Add(policy.Lifetime).Add(accessLifetime(i.config.ResourceServer(i.grant.Audience)))
		}
	}
	response, err := s.issue(i)
	if err != nil {
		return nil, err
	}
	err = s.Grants.CreateGrant(ctx, i.grant, first)
	if errors.Is(err, sessions.ErrRevoked) || errors.Is(err, sessions.ErrExists) {
		return nil, invalidGrant("Invalid authorization code")
	}
	if err != nil {
		return nil, err
	}
	response.RefreshToken = secret
	return response, nil
}

func newRefreshToken() string { return "v1." + ids.Secret() }
