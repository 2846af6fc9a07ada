package normalize

import "errors"

// Connection is what mapping depends on in a connection's configuration.
type Connection struct {
	ID, Name, Strategy string
	Options            map[string]any
}

// Input is what an identity provider said. JSON numbers are json.Number; a float64 anywhere in it is refused.
type Input struct {
	Connection Connection
	// IDToken holds the claims of a verified ID token.
	IDToken map[string]any
	// Userinfo is the body of the main profile call, of whatever shape.
	Userinfo any
	// Extra holds further answers under "GET <url>", and other inputs under their names (README of the vectors).
	Extra map[string]any
	// FormPost holds profile fields of a form_post callback.
	FormPost map[string]any
}

// Profile is the one normal form of what any provider says about a person.
type Profile struct {
	// UserID, Provider, Subject, Connection and IsSocial are the identity. Subject is a string or a json.Number, as it
	// stands in identities[].user_id; SubjectText is its exact text.
	UserID, Provider, Connection string
	Subject                      any
	SubjectText                  string
	IsSocial                     bool
	// Root holds the root attributes that the provider gave. For name, given_name, family_name, nickname, picture and
	// email a key with nil means "explicitly blank" and a missing key "not said"; email_verified is there whenever email
	// is. Generated values are not in it: see Generate.
	Root map[string]any
	// Fields tells which upstream field each key of Root came from, such as "userinfo.login".
	Fields map[string]string
	// Handle is the provider's own name for the account, where it has one (GitHub's login).
	Handle string
	// Transient holds attributes that options.non_persistent_attrs keeps out of the store. They still serve this login.
	Transient map[string]any
	// UserMetadata and AppMetadata are what the person gave at sign-up or an administrator with a new user. Identity
	// providers never fill them.
	UserMetadata, AppMetadata map[string]any
	// Warnings are for people who configure the mapping: dropped reserved keys, wrong types, oversized profiles.
	Warnings []string
}

var (
	// ErrMissingSubject: the provider did not say who it is.
	ErrMissingSubject = errors.New("the profile has no subject")
	// ErrSubjectMismatch: ID token and userinfo speak of different people (OpenID Connect Core §5.3.2).
	ErrSubjectMismatch = errors.New("the ID token and the userinfo answer are about different subjects")
	// ErrNotJSON: the input holds a value that decoding JSON with json.Number doesn't give, such as a float64.
	ErrNotJSON = errors.New("the profile is not made of exact JSON values")
	// ErrTooLarge: more than 1 MB.
	ErrTooLarge = errors.New("the profile is larger than 1 MB")
)
