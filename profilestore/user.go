package profilestore

import (
	"encoding/json"
	"errors"
	"time"
)

// User is one person's normalized profile with everything that is kept beside it.
// It is stored as one JSON document; a driver adds index columns of its own (see [Tx.Put]).
type User struct {
	// ID is "provider|subject" of the identity that the profile began with ("auth0|" + 24 hex for database users).
	ID string `json:"user_id"`
	// Root holds the root attributes: the normalized ones (normalize.Attributes) and whatever else the identity
	// provider sent. Numbers are json.Number. Keys that have a field of their own below never stand here.
	Root map[string]any `json:"root"`
	// Identities are the ways in; the first one is the primary.
	Identities []Identity `json:"identities"`
	// UserMetadata and AppMetadata are absent when nil.
	UserMetadata map[string]any `json:"user_metadata,omitempty"`
	AppMetadata  map[string]any `json:"app_metadata,omitempty"`
	// Blocked is the administrator's block. Nil until somebody sets it.
	Blocked           *bool                 `json:"blocked,omitempty"`
	CreatedAt         time.Time             `json:"created_at"`
	UpdatedAt         time.Time             `json:"updated_at"`
	LastLogin         *time.Time            `json:"last_login,omitempty"`
	LastIP            string                `json:"last_ip,omitempty"`
	LoginsCount       int64                 `json:"logins_count,omitempty"`
	LastPasswordReset *time.Time            `json:"last_password_reset,omitempty"`
	Provenance        map[string]Provenance `json:"provenance,omitempty"`
	// Consents are what the person let third-party clients do (Auth0: User Consent and Third-Party Applications).
	Consents []Consent `json:"consents,omitempty"`
}

// Consent is the person's agreement that a client may have scopes of an API ("": only the claims about the person).
type Consent struct {
	ClientID string    `json:"client_id"`
	Audience string    `json:"audience,omitempty"`
	Scope    []string  `json:"scope"`
	At       time.Time `json:"at"`
}

// Identity is one way into a user's account: a subject at a connection. The pair (Connection, SubjectString) belongs to
// at most one user; e-mail addresses never identify anybody.
type Identity struct {
	Connection string `json:"connection"`
	Provider   string `json:"provider"`
	// UserID is the subject as the API shows it: a string, or a json.Number where the provider's id is a number.
	// Custom social and enterprise connections carry "connection|subject".
	UserID   any  `json:"user_id"`
	IsSocial bool `json:"isSocial"`
	// ProfileData is the normalized profile (root attributes) that this identity last brought. The API shows it for
	// secondary identities only; unlinking restores a user from it.
	ProfileData map[string]any `json:"profile_data,omitempty"`
	// Provenance belongs to ProfileData as User.Provenance belongs to User.Root.
	Provenance map[string]Provenance `json:"provenance,omitempty"`
	// Raw is what the provider said at the last login, untouched.
	Raw *Raw `json:"raw,omitempty"`
	// PasswordHash is the PHC string of a database identity. It is never rendered.
	PasswordHash string `json:"password_hash,omitempty"`
}

// Raw keeps a provider's answers as they came, so that a changed mapping can be applied to them later.
type Raw struct {
	At       time.Time       `json:"at"`
	IDToken  json.RawMessage `json:"id_token,omitempty"`
	Userinfo json.RawMessage `json:"userinfo,omitempty"`
	Extra    json.RawMessage `json:"extra,omitempty"`
	FormPost json.RawMessage `json:"form_post,omitempty"`
}

// Source says who gave a root attribute its present value.
type Source string

const (
	SourceIdP       Source = "idp"       // an identity provider, at a login
	SourceGenerated Source = "generated" // derived by normalize.Generate because nobody gave one
	SourceAdmin     Source = "admin"     // the Management API
	SourceUser      Source = "user"      // the person, at sign-up
	SourceImport    Source = "import"    // a bulk import or a tenant file
	SourceScript    Source = "script"    // a rule or an action
)

// Provenance tells where a root attribute's value comes from.
type Provenance struct {
	Source Source `json:"source"`
	// Identity is "connection|subject" where an identity brought the value.
	Identity string `json:"identity,omitempty"`
	// Field is the upstream field the value was mapped from.
	Field string    `json:"field,omitempty"`
	At    time.Time `json:"at"`
	// OwnedByIdP is true where the identity provider overwrites the attribute at each login, so nobody else may edit it.
	OwnedByIdP bool `json:"owned_by_idp,omitempty"`
}

// Key names an identity: the connection's name and the subject's exact text.
type Key struct {
	Connection string
	Subject    string
}

var (
	// ErrNotFound: there is no such user.
	ErrNotFound = errors.New("no such user")
	// ErrIdentityTaken: the identity belongs to another user already.
	ErrIdentityTaken = errors.New("the identity belongs to another user")
	// ErrEmailTaken, ErrUsernameTaken, ErrPhoneTaken: another person of the same database or passwordless connection
	// has it.
	ErrEmailTaken    = errors.New("the e-mail address is taken in this connection")
	ErrUsernameTaken = errors.New("the username is taken in this connection")
	ErrPhoneTaken    = errors.New("the phone number is taken in this connection")
	// ErrUserIDTaken: a user with this user_id exists.
	ErrUserIDTaken = errors.New("the user_id is taken")
)
