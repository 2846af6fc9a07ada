package tenant

import (
	"slices"
	"time"
)

// Config is everything an administrator configured for one tenant, as one immutable value: readers hold the pointer that
// [Cache.Current] gave them and see one state throughout a request. Use [Config.Clone] before changing anything.
type Config struct {
	// Revision grows with every change.
	Revision        int64
	Settings        Settings
	Clients         map[string]*Client         // by client_id
	Connections     map[string]*Connection     // by id
	ResourceServers map[string]*ResourceServer // by id
	ClientGrants    map[string]*ClientGrant    // by id
	Roles           map[string]*Role           // by id

	index index
}

// Settings are the tenant's own settings, its branding included (Auth0: tenants/settings, branding).
type Settings struct {
	FriendlyName          string   `json:"friendly_name,omitempty" yaml:"friendly_name"`
	PictureURL            string   `json:"picture_url,omitempty" yaml:"picture_url"`
	SupportEmail          string   `json:"support_email,omitempty" yaml:"support_email"`
	SupportURL            string   `json:"support_url,omitempty" yaml:"support_url"`
	DefaultAudience       string   `json:"default_audience,omitempty" yaml:"default_audience"`
	DefaultDirectory      string   `json:"default_directory,omitempty" yaml:"default_directory"`
	DefaultRedirectionURI string   `json:"default_redirection_uri,omitempty" yaml:"default_redirection_uri"`
	AllowedLogoutURLs     []string `json:"allowed_logout_urls,omitempty" yaml:"allowed_logout_urls"`
	EnabledLocales        []string `json:"enabled_locales,omitempty" yaml:"enabled_locales"`
	// SessionLifetime and IdleSessionLifetime are hours, fractions allowed. Zero: 168 and 72.
	SessionLifetime     float64        `json:"session_lifetime,omitempty" yaml:"session_lifetime"`
	IdleSessionLifetime float64        `json:"idle_session_lifetime,omitempty" yaml:"idle_session_lifetime"`
	ErrorPage           *ErrorPage     `json:"error_page,omitempty" yaml:"error_page"`
	Flags               map[string]any `json:"flags,omitempty" yaml:"flags"`
	Branding            Branding       `json:"branding" yaml:"-"`
	// OIDCLogout holds the "rp_logout_end_user_confirmation"-like switches (Auth0: oidc_logout).
	OIDCLogout map[string]any `json:"oidc_logout,omitempty" yaml:"oidc_logout"`
	// NotBefore ends what was handed out earlier: grants, refresh tokens, sessions. It is set after a backup was restored,
	// which brings back what had been revoked since (`latchkey restored`).
	NotBefore time.Time `json:"not_before,omitzero" yaml:"-"`
	// Rest keeps settings this version does not act on, so that an export loses nothing.
	Rest map[string]any `json:"rest,omitempty" yaml:"-"`
}

// ErrorPage is the operator's own error page (Auth0: Custom Error Pages).
type ErrorPage struct {
	HTML        string `json:"html,omitempty" yaml:"html"`
	ShowLogLink bool   `json:"show_log_link,omitempty" yaml:"show_log_link"`
	URL         string `json:"url,omitempty" yaml:"url"`
}

// Branding is how the hosted pages look.
type Branding struct {
	Colors struct {
		Primary        string `json:"primary,omitempty" yaml:"primary"`
		PageBackground string `json:"page_background,omitempty" yaml:"page_background"`
	} `json:"colors" yaml:"colors"`
	LogoURL    string `json:"logo_url,omitempty" yaml:"logo_url"`
	FaviconURL string `json:"favicon_url,omitempty" yaml:"favicon_url"`
	Font       struct {
		URL string `json:"url,omitempty" yaml:"url"`
	} `json:"font" yaml:"font"`
}

// Client is an application (Auth0: clients).
type Client struct {
	ID                      string                `json:"client_id" yaml:"client_id"`
	Secret                  string                `json:"client_secret,omitempty" yaml:"client_secret"`
	Name                    string                `json:"name" yaml:"name"`
	Description             string                `json:"description,omitempty" yaml:"description"`
	AppType                 string                `json:"app_type,omitempty" yaml:"app_type"`
	LogoURI                 string                `json:"logo_uri,omitempty" yaml:"logo_uri"`
	IsFirstParty            bool                  `json:"is_first_party" yaml:"is_first_party"`
	OIDCConformant          bool                  `json:"oidc_conformant" yaml:"oidc_conformant"`
	Callbacks               []string              `json:"callbacks,omitempty" yaml:"callbacks"`
	AllowedOrigins          []string              `json:"allowed_origins,omitempty" yaml:"allowed_origins"`
	WebOrigins              []string              `json:"web_origins,omitempty" yaml:"web_origins"`
	AllowedLogoutURLs       []string              `json:"allowed_logout_urls,omitempty" yaml:"allowed_logout_urls"`
	InitiateLoginURI        string                `json:"initiate_login_uri,omitempty" yaml:"initiate_login_uri"`
	GrantTypes              []string              `json:"grant_types,omitempty" yaml:"grant_types"`
	TokenEndpointAuthMethod string                `json:"token_endpoint_auth_method,omitempty" yaml:"token_endpoint_auth_method"`
	Authentication          *ClientAuthentication `json:"client_authentication_methods,omitempty" yaml:"client_authentication_methods"`
	JWT                     JWTConfiguration      `json:"jwt_configuration" yaml:"jwt_configuration"`
	RefreshToken            RefreshTokenSettings  `json:"refresh_token" yaml:"refresh_token"`
	ClientMetadata          map[string]string     `json:"client_metadata,omitempty" yaml:"client_metadata"`
	CrossOriginAuth         bool                  `json:"cross_origin_authentication,omitempty" yaml:"cross_origin_authentication"`
	CrossOriginLoc          string                `json:"cross_origin_loc,omitempty" yaml:"cross_origin_loc"`
	SSODisabled             bool                  `json:"sso_disabled,omitempty" yaml:"sso_disabled"`
	// AllowPlainPKCE accepts code_challenge_method=plain, AllowNoPKCE a public client without any challenge. Both are
	// Latchkey's own and off unless set.
	AllowPlainPKCE bool `json:"allow_plain_pkce,omitempty" yaml:"allow_plain_pkce"`
	AllowNoPKCE    bool `json:"allow_no_pkce,omitempty" yaml:"allow_no_pkce"`
	// Rest keeps settings this version does not act on.
	Rest map[string]any `json:"rest,omitempty" yaml:"-"`
}

// ClientAuthentication replaces a secret by keys (Auth0: Private Key JWT).
type ClientAuthentication struct {
	PrivateKeyJWT *struct {
		Credentials []ClientCredential `json:"credentials" yaml:"credentials"`
	} `json:"private_key_jwt,omitempty" yaml:"private_key_jwt"`
}

// ClientCredential is a public key of a client.
type ClientCredential struct {
	ID   string `json:"id,omitempty" yaml:"id"`
	Name string `json:"name,omitempty" yaml:"name"`
	Type string `json:"credential_type,omitempty" yaml:"credential_type"`
	PEM  string `json:"pem" yaml:"pem"`
	Alg  string `json:"alg,omitempty" yaml:"alg"`
}

// JWTConfiguration is about a client's ID tokens. Zero values: 36000 seconds, RS256.
type JWTConfiguration struct {
	LifetimeInSeconds int    `json:"lifetime_in_seconds,omitempty" yaml:"lifetime_in_seconds"`
	Alg               string `json:"alg,omitempty" yaml:"alg"`
	SecretEncoded     bool   `json:"secret_encoded,omitempty" yaml:"secret_encoded"`
}

// RefreshTokenSettings (Auth0: Configure Refresh Token Rotation, … Expiration). Durations are seconds.
type RefreshTokenSettings struct {
	RotationType              string `json:"rotation_type,omitempty" yaml:"rotation_type"`     // rotating | non-rotating
	ExpirationType            string `json:"expiration_type,omitempty" yaml:"expiration_type"` // expiring | non-expiring
	Leeway                    int    `json:"leeway" yaml:"leeway"`
	TokenLifetime             int    `json:"token_lifetime,omitempty" yaml:"token_lifetime"`
	IdleTokenLifetime         int    `json:"idle_token_lifetime,omitempty" yaml:"idle_token_lifetime"`
	InfiniteTokenLifetime     bool   `json:"infinite_token_lifetime,omitempty" yaml:"infinite_token_lifetime"`
	InfiniteIdleTokenLifetime bool   `json:"infinite_idle_token_lifetime,omitempty" yaml:"infinite_idle_token_lifetime"`
}

// Connection is a source of people (Auth0: connections; databases are connections of strategy auth0).
type Connection struct {
	ID          string `json:"id" yaml:"id"`
	Name        string `json:"name" yaml:"name"`
	Strategy    string `json:"strategy" yaml:"strategy"`
	DisplayName string `json:"display_name,omitempty" yaml:"display_name"`
	// Options are the strategy's own settings, numbers as json.Number. Connectors read them through [Connection.String]
	// and its siblings.
	Options            map[string]any    `json:"options" yaml:"options"`
	EnabledClients     []string          `json:"enabled_clients" yaml:"enabled_clients"` // client ids
	IsDomainConnection bool              `json:"is_domain_connection,omitempty" yaml:"is_domain_connection"`
	ShowAsButton       *bool             `json:"show_as_button,omitempty" yaml:"show_as_button"`
	Realms             []string          `json:"realms,omitempty" yaml:"realms"`
	Metadata           map[string]string `json:"metadata,omitempty" yaml:"metadata"`
	// Disabled is Auth0's authentication.active turned round.
	Disabled bool           `json:"disabled,omitempty" yaml:"-"`
	Rest     map[string]any `json:"rest,omitempty" yaml:"-"`
}

// ResourceServer is an API that access tokens are for (Auth0: resource servers).
type ResourceServer struct {
	ID                string  `json:"id" yaml:"id"`
	Name              string  `json:"name" yaml:"name"`
	Identifier        string  `json:"identifier" yaml:"identifier"`
	Scopes            []Scope `json:"scopes,omitempty" yaml:"scopes"`
	SigningAlg        string  `json:"signing_alg,omitempty" yaml:"signing_alg"`       // RS256 (also when empty), PS256, ES256, HS256
	SigningSecret     string  `json:"signing_secret,omitempty" yaml:"signing_secret"` // HS256 only, ≥ 32 characters (RFC 7518 §3.2; Auth0 takes 16)
	AllowOfflineAcces bool    `json:"allow_offline_access,omitempty" yaml:"allow_offline_access"`
	TokenLifetime     int     `json:"token_lifetime,omitempty" yaml:"token_lifetime"`                 // seconds; 0: 86400
	TokenLifetimeWeb  int     `json:"token_lifetime_for_web,omitempty" yaml:"token_lifetime_for_web"` // 0: 7200
	SkipConsent       *bool   `json:"skip_consent_for_verifiable_first_party_clients,omitempty" yaml:"skip_consent_for_verifiable_first_party_clients"`
	EnforcePolicies   bool    `json:"enforce_policies,omitempty" yaml:"enforce_policies"`
	TokenDialect      string  `json:"token_dialect,omitempty" yaml:"token_dialect"`
	// IsSystem marks the Management API itself: every tenant has it, nobody deletes it.
	IsSystem bool           `json:"is_system,omitempty" yaml:"-"`
	Rest     map[string]any `json:"rest,omitempty" yaml:"-"`
}

// Scope is a permission of a resource server.
type Scope struct {
	Value       string `json:"value" yaml:"value"`
	Description string `json:"description,omitempty" yaml:"description"`
}

// ClientGrant allows a client scopes of an API in the client_credentials grant.
type ClientGrant struct {
	ID       string   `json:"id" yaml:"id"`
	ClientID string   `json:"client_id" yaml:"client_id"`
	Audience string   `json:"audience" yaml:"audience"`
	Scope    []string `json:"scope" yaml:"scope"`
	// Rest keeps settings this version does not act on.
	Rest map[string]any `json:"rest,omitempty" yaml:"-"`
}

// Role is a named set of permissions.
type Role struct {
	ID          string       `json:"id" yaml:"id"`
	Name        string       `json:"name" yaml:"name"`
	Description string       `json:"description,omitempty" yaml:"description"`
	Permissions []Permission `json:"permissions,omitempty" yaml:"permissions"`
	// Rest keeps settings this version does not act on.
	Rest map[string]any `json:"rest,omitempty" yaml:"-"`
}

// Permission is one scope of one API.
type Permission struct {
	Name       string `json:"permission_name" yaml:"permission_name"`
	Identifier string `json:"resource_server_identifier" yaml:"resource_server_identifier"`
}

// Strategies whose people Latchkey keeps itself.
const (
	StrategyDatabase = "auth0"
	StrategyEmail    = "email"
	StrategySMS      = "sms"
)

// Ended tells whether what was handed out at this time has ended, whatever the stores say of it.
func (c *Config) Ended(at time.Time) bool { return at.Before(c.Settings.NotBefore) }

// EnabledFor tells whether people may use the connection to log in to the client.
func (c *Connection) EnabledFor(clientID string) bool {
	return !c.Disabled && slices.Contains(c.EnabledClients, clientID)
}

// Public tells whether the client can't keep a secret.
func (c *Client) Public() bool { return c.TokenEndpointAuthMethod == "none" }

// AllowsGrant tells whether the client may use the grant type.
func (c *Client) AllowsGrant(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }
