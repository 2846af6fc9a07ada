// Package connectors asks identity providers, and our own databases, who a person is.
//
//	browser ── AuthURL ──▶ provider ── callback ──▶ Finish ─┐
//	password ───────────────────────────────────▶ Verify ───┼─▶ Assertion ─▶ normalize ─▶ profilestore
//	sign-up ──▶ Register ─▶ Registration (the caller stores it, then the person logs in)
//
// A connector is opened from a connection's configuration (registry.go lists all of them) and is asked for what it can do by
// type assertion: [Redirect], [Password], [Registrar]. It verifies what a provider says and hands it on untouched as an
// [Assertion]; it maps nothing and stores nothing. Everything outside is reached through [Outside].
package connectors

import (
	"context"
	"errors"
	"net/url"

	"github.com/latchkey-id/latchkey/tenant"
)

// Assertion is what an identity provider said about a person, verified but untouched: normalize makes a profile of it.
// JSON numbers in it are json.Number.
type Assertion struct {
	Connection *tenant.Connection
	// IDToken holds the claims of a verified ID token.
	IDToken map[string]any
	// Userinfo is the decoded body of the main profile call, of whatever shape.
	Userinfo any
	// Extra holds further answers under "GET <url>", and results of directories and scripts under their own names.
	Extra map[string]any
	// FormPost holds the fields of a form_post callback that carry profile data.
	FormPost map[string]any
}

// Redirect is a connector that sends the browser to the identity provider and takes it back.
type Redirect interface {
	// AuthURL returns where to send the browser. The returned Pending is kept by the caller, bound to the browser, and
	// given back to Finish once.
	AuthURL(ctx context.Context, req AuthRequest) (address string, pending Pending, err error)
	// Finish turns the provider's callback into an Assertion. It returns a *ProviderError where the provider, or what it
	// sent, is at fault.
	Finish(ctx context.Context, cb Callback) (Assertion, error)
}

// AuthRequest is what a login asks of the identity provider.
type AuthRequest struct {
	State       string // unguessable, single use
	RedirectURI string // ISSUER + "login/callback"
	LoginHint   string
	Prompt      string
	// Scopes are asked for beside the connection's own (the app's connection_scope).
	Scopes []string
	// Params are the app's /authorize parameters, for options.upstream_params with an alias.
	Params url.Values
}

// Pending is what a connector must remember between AuthURL and Finish.
type Pending struct {
	Nonce    string `json:"nonce,omitempty"`
	Verifier string `json:"verifier,omitempty"`
	// FormPost says that the provider answers with a cross-site POST.
	FormPost bool `json:"form_post,omitempty"`
}

// Callback is the provider's answer at /login/callback.
type Callback struct {
	Params      url.Values
	Pending     Pending
	RedirectURI string
}

// Password is a connector that checks an identifier and a password.
type Password interface {
	// Verify returns ErrWrongCredentials for a wrong password and for an unknown person alike, after the same work.
	Verify(ctx context.Context, identifier, password string) (Assertion, error)
}

// Registrar is a connector at which people can sign up.
type Registrar interface {
	// Register checks a sign-up and returns what to store. It stores nothing. Errors: *SignUpError.
	Register(ctx context.Context, s SignUp) (Registration, error)
}

// SignUp is what a person gives at sign-up. Empty strings were not given.
type SignUp struct {
	Email, Username, PhoneNumber, Password string
	// Root holds given_name, family_name, name, nickname, picture.
	Root         map[string]string
	UserMetadata map[string]any
	// ByAdmin: the Management API makes the person. A closed sign-up and the limits of its user_metadata don't apply.
	ByAdmin bool
}

// Registration is an accepted sign-up in normal form.
type Registration struct {
	Subject                      string // 24 hex digits, new
	Email, Username, PhoneNumber string // lower-cased, trimmed
	PasswordHash                 string // PHC string
}

// ErrWrongCredentials: the password is wrong or the person unknown; callers can't and must not tell which.
var ErrWrongCredentials = errors.New("wrong identifier or password")

// ErrBusy: too many passwords are being hashed; the person should try again in a moment.
var ErrBusy = errors.New("too many password checks at once")

// ProviderError says that an identity provider refused, failed, or sent something that can't be believed.
type ProviderError struct {
	// Code is an OAuth error code for the app: the provider's own where it is a valid one, else access_denied.
	Code string
	// Description may be shown to the person.
	Description string
	// Err is the cause, for the log only.
	Err error
}

func (e *ProviderError) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Description + ": " + e.Err.Error()
	}
	return e.Code + ": " + e.Description
}

func (e *ProviderError) Unwrap() error { return e.Err }
