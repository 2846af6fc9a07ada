package sessions

import (
	"slices"
	"time"
)

// AuthorizeRequest is a checked request to /authorize, as it is kept through a log-in (RFC 6749 §4.1.1, OpenID Connect
// Core §3.1.2.1). What the browser sends later never changes it.
type AuthorizeRequest struct {
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri"`
	// RedirectURISent tells whether the app named it, so that it must name the same one at /oauth/token.
	RedirectURISent bool     `json:"redirect_uri_sent,omitempty"`
	ResponseType    string   `json:"response_type"`
	ResponseMode    string   `json:"response_mode"` // query, fragment, form_post or web_message
	Scope           []string `json:"scope,omitempty"`
	Audience        string   `json:"audience,omitempty"`
	State           string   `json:"state,omitempty"`
	Nonce           string   `json:"nonce,omitempty"`
	Challenge       string   `json:"challenge,omitempty"`
	ChallengeMethod string   `json:"challenge_method,omitempty"`
	Prompt          []string `json:"prompt,omitempty"`
	// MaxAge is in seconds; nil: not asked.
	MaxAge          *int64            `json:"max_age,omitempty"`
	LoginHint       string            `json:"login_hint,omitempty"`
	ScreenHint      string            `json:"screen_hint,omitempty"`
	UILocales       string            `json:"ui_locales,omitempty"`
	Connection      string            `json:"connection,omitempty"`
	ConnectionScope []string          `json:"connection_scope,omitempty"`
	Extra           map[string]string `json:"extra,omitempty"` // other parameters, for upstream_params and rules
}

// Prompts tells whether the app asked for this prompt.
func (r AuthorizeRequest) Prompts(value string) bool { return slices.Contains(r.Prompt, value) }

// Wants tells whether the scope was asked for.
func (r AuthorizeRequest) Wants(scope string) bool { return slices.Contains(r.Scope, scope) }

// Transaction is a log-in on its way. Its secret is the `state` in the addresses of hosted pages and opens nothing without
// the browser's cookie.
type Transaction struct {
	// Browser is the hash of the cookie of the browser that began.
	Browser   [32]byte         `json:"browser"`
	Request   AuthorizeRequest `json:"request"`
	StartedAt time.Time        `json:"started_at"`
	// Done is set when the person has proved who they are in this transaction.
	Done *Login `json:"done,omitempty"`
	// Consented is set when the person agreed to what the client asks for.
	Consented bool `json:"consented,omitempty"`
	// Failed is an error to be delivered to the app.
	Failed *Failure `json:"failed,omitempty"`
}

// Login is who proved their identity, how and when.
type Login struct {
	UserID     string    `json:"user_id"`
	Connection string    `json:"connection"`
	SessionID  string    `json:"session_id"`
	AuthTime   time.Time `json:"auth_time"`
}

// Failure is an OAuth error for the app.
type Failure struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// Upstream is a visit to an identity provider. Its secret is the `state` sent there.
type Upstream struct {
	Transaction string   `json:"transaction"` // secret of the transaction
	Browser     [32]byte `json:"browser"`
	Connection  string   `json:"connection"` // id
	RedirectURI string   `json:"redirect_uri"`
	// Nonce and Verifier are what the connector must remember.
	Nonce    string `json:"nonce,omitempty"`
	Verifier string `json:"verifier,omitempty"`
	FormPost bool   `json:"form_post,omitempty"`
}

// Session is a person logged in at a browser (single sign-on).
type Session struct {
	// ID is public: the "sid" claim. The cookie's secret is something else.
	ID         string    `json:"sid"`
	UserID     string    `json:"user_id"`
	Connection string    `json:"connection"`
	AuthTime   time.Time `json:"auth_time"`
	CreatedAt  time.Time `json:"created_at"`
	// SeenAt is when it was last used, to the minute: [Session.Stale] says when writing it again is due.
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"` // absolute
	Clients   []string  `json:"clients,omitempty"`
}

// seenGrain bounds how often a busy session is written.
const seenGrain = time.Minute

// Stale tells whether the session's use should be written down: it was last seen a while ago, or a client is new to it.
func (s Session) Stale(now time.Time, clientID string) bool {
	return now.Sub(s.SeenAt) >= seenGrain || !slices.Contains(s.Clients, clientID)
}

// Seen returns the session as used now by the client. Idle is how long it lives unused.
func (s Session) Seen(now time.Time, clientID string, idle time.Duration) (Session, time.Time) {
	s.SeenAt = now
	if !slices.Contains(s.Clients, clientID) {
		s.Clients = append(slices.Clone(s.Clients), clientID)
	}
	expires := now.Add(idle)
	if expires.After(s.ExpiresAt) {
		expires = s.ExpiresAt
	}
	return s, expires
}

// Code is an authorization code (RFC 6749 §4.1.2).
type Code struct {
	// GrantID is the grant that its exchange will make; presenting the code again revokes it.
	GrantID string           `json:"grant_id"`
	Request AuthorizeRequest `json:"request"`
	Login   Login            `json:"login"`
	// ExpiresAt of the grant, so that a revocation that comes first is remembered long enough.
	IssuedAt time.Time `json:"issued_at"`
}
