package tenant

import (
	"encoding/json"
	"strings"

	"github.com/latchkey-id/latchkey/internal/ids"
)

// NewClient returns a client with what Auth0 gives one at creation, for what is known of it so far: app_type,
// token_endpoint_auth_method and refresh_token.expiration_type of want decide about the rest (Auth0: Management API, create
// a client; Configure Refresh Token Expiration). want isn't changed; nothing else of it is taken over.
func NewClient(want *Client) *Client {
	c := &Client{
		IsFirstParty: true,
		GrantTypes:   []string{"authorization_code", "implicit", "refresh_token", "client_credentials"},
		JWT:          JWTConfiguration{LifetimeInSeconds: 36000},
		RefreshToken: RefreshTokenSettings{
			RotationType: "non-rotating", ExpirationType: "non-expiring",
			TokenLifetime: 2592000, IdleTokenLifetime: 1296000,
			InfiniteTokenLifetime: true, InfiniteIdleTokenLifetime: true,
		},
	}
	inBrowserOrApp := want.AppType == "spa" || want.AppType == "native"
	if inBrowserOrApp && want.TokenEndpointAuthMethod == "" && want.Authentication == nil {
		c.TokenEndpointAuthMethod = "none"
	}
	public := want.Public() || c.Public()
	if public {
		c.GrantTypes = []string{"authorization_code", "implicit", "refresh_token"}
	}
	if public || want.AppType == "spa" {
		c.RefreshToken.RotationType = "rotating"
		c.RefreshToken.ExpirationType = "expiring"
	}
	// A file that asks for the one kind of token must not get the other kind's lifetimes.
	if want.RefreshToken.RotationType != "" {
		c.RefreshToken.RotationType = want.RefreshToken.RotationType
	}
	if want.RefreshToken.ExpirationType != "" {
		c.RefreshToken.ExpirationType = want.RefreshToken.ExpirationType
	} else if c.RefreshToken.RotationType == "rotating" {
		c.RefreshToken.ExpirationType = "expiring"
	}
	expires := c.RefreshToken.ExpirationType == "expiring"
	c.RefreshToken.InfiniteTokenLifetime = !expires
	c.RefreshToken.InfiniteIdleTokenLifetime = !expires
	return c
}

// CompleteClient gives a client the id and, where it can keep one, the secret that it lacks: 32 and 64 letters and digits.
func CompleteClient(c *Client) {
	if c.ID == "" {
		c.ID = ids.ClientID()
	}
	if c.Secret == "" && !c.Public() {
		c.Secret = ids.Alphanumeric(64)
	}
}

// CompleteConnection gives a connection what Auth0 gives one at creation: an id, its name as realm, and the options of its
// strategy that it lacks (Auth0: Management API, create a connection).
func CompleteConnection(c *Connection) {
	if c.ID == "" {
		c.ID = ids.Prefixed("con")
	}
	if c.Options == nil {
		c.Options = map[string]any{}
	}
	if c.EnabledClients == nil {
		c.EnabledClients = []string{}
	}
	if len(c.Realms) == 0 {
		c.Realms = []string{c.Name}
	}
	for key, value := range optionDefaults(c.Strategy) {
		if _, given := c.Options[key]; !given {
			c.Options[key] = value
		}
	}
}

// optionDefaults returns a fresh map, since its values become part of a Config.
func optionDefaults(strategy string) map[string]any {
	switch strategy {
	case StrategyDatabase:
		return map[string]any{
			"mfa":                    map[string]any{"active": true, "return_enroll_settings": true},
			"passwordPolicy":         "good",
			"brute_force_protection": true,
			"strategy_version":       json.Number("2"),
		}
	case StrategyEmail, StrategySMS:
		return map[string]any{"brute_force_protection": true}
	case "ad":
		return map[string]any{"brute_force_protection": true, "ips": nil}
	case "google-oauth2":
		return map[string]any{"email": true, "profile": true, "scope": []any{"email", "profile"}}
	case "oidc":
		return map[string]any{
			"type": "front_channel", "schema_version": "oidc-V4",
			"attribute_map":       map[string]any{"mapping_mode": "bind_all"},
			"connection_settings": map[string]any{"pkce": "auto"},
		}
	}
	return nil
}

// CompleteResourceServer gives an API what Auth0 gives one at creation: an id, lifetimes, and a secret where its tokens are
// signed by one (Auth0: Management API, create a resource server).
func CompleteResourceServer(s *ResourceServer) {
	if s.ID == "" {
		s.ID = ids.Hex24()
	}
	if s.SigningAlg == "" {
		s.SigningAlg = "RS256"
	}
	if s.SigningAlg == "HS256" && s.SigningSecret == "" {
		s.SigningSecret = ids.Secret()
	}
	if s.TokenLifetime == 0 {
		s.TokenLifetime = 86400
	}
	if s.TokenLifetimeWeb == 0 {
		s.TokenLifetimeWeb = min(7200, s.TokenLifetime)
	}
}

// ManagementAPIName is what Auth0 calls its own API.
const ManagementAPIName = "Auth0 Management API"

// ManagementAudience is the identifier of the Management API under an issuer, which ends in "/".
func ManagementAudience(issuer string) string { return issuer + "api/v2/" }

// managementScopes are the scopes of the Management API: resource, then the verbs that it has.
var managementScopes = []struct{ resource, verbs string }{
	{"users", "create read update delete"},
	{"users_app_metadata", "create read update delete"},
	{"user_idp_tokens", "read"},
	{"user_tickets", "create"},
	{"user_custom_blocks", "create read delete"},
	{"clients", "create read update delete"},
	{"client_keys", "read update"},
	{"client_credentials", "create read update delete"},
	{"client_grants", "create read update delete"},
	{"connections", "create read update delete"},
	{"resource_servers", "create read update delete"},
	{"rules", "create read update delete"},
	{"rules_configs", "read update delete"},
	{"actions", "create read update delete"},
	{"roles", "create read update delete"},
	{"role_members", "create read delete"},
	{"tenant_settings", "read update"},
	{"email_provider", "create read update delete"},
	{"email_templates", "create read update"},
	{"logs", "read"},
	{"logs_users", "read"},
	{"stats", "read"},
	{"device_credentials", "create read delete"},
	{"branding", "read update delete"},
	{"prompts", "read update"},
	{"attack_protection", "read update"},
	{"guardian_factors", "read update"},
	{"grants", "read delete"},
	{"anomaly_blocks", "read delete"},
	{"tokens", "blacklist"},
	// What single-page apps may ask for on behalf of the person who is logged in.
	{"current_user", "read delete"},
	{"current_user_identities", "update"},
	{"current_user_metadata", "create update delete"},
	{"current_user_device_credentials", "create delete"},
}

// ManagementScopes returns the scopes of the Management API, in a fixed order.
func ManagementScopes() []Scope {
	var scopes []Scope
	for _, s := range managementScopes {
		for verb := range strings.FieldsSeq(s.verbs) {
			description := strings.ToUpper(verb[:1]) + verb[1:] + " " + strings.ReplaceAll(s.resource, "_", " ")
			scopes = append(scopes, Scope{Value: verb + ":" + s.resource, Description: description})
		}
	}
	return scopes
}

// EnsureManagementAPI makes sure that config has the Management API of issuer with all its scopes, and tells whether it
// had to change something. An API of another issuer's address moves along with its grants and permissions: a server whose
// public URL changed keeps its machine clients. It leaves config indexed.
func EnsureManagementAPI(config *Config, issuer string) bool {
	audience := ManagementAudience(issuer)
	api := config.ResourceServer(audience)
	for _, id := range sortedKeys(config.ResourceServers) {
		if s := config.ResourceServers[id]; api == nil && s.IsSystem {
			api = s
		}
	}
	changed := false
	if api == nil {
		api = &ResourceServer{Name: ManagementAPIName, Identifier: audience}
		CompleteResourceServer(api)
		config.ResourceServers[api.ID] = api
		changed = true
	}
	if api.Identifier != audience {
		moveAudience(config, api.Identifier, audience)
		api.Identifier = audience
		changed = true
	}
	if !api.IsSystem || api.Name != ManagementAPIName {
		api.IsSystem, api.Name = true, ManagementAPIName
		changed = true
	}
	has := make(map[string]bool, len(api.Scopes))
	for _, scope := range api.Scopes {
		has[scope.Value] = true
	}
	for _, scope := range ManagementScopes() {
		if !has[scope.Value] {
			api.Scopes = append(api.Scopes, scope)
			changed = true
		}
	}
	config.Index()
	return changed
}

func moveAudience(config *Config, from, to string) {
	for _, g := range config.ClientGrants {
		if g.Audience == from {
			g.Audience = to
		}
	}
	for _, role := range config.Roles {
		for i := range role.Permissions {
			if role.Permissions[i].Identifier == from {
				role.Permissions[i].Identifier = to
			}
		}
	}
}
