package sessions

import (
	"context"
	"errors"
	"time"
)

// Kind keeps short-lived things apart: what was stored as one kind is never read as another.
type Kind string

const (
	KindTransaction Kind = "transaction" // a login on its way, from /authorize to the code
	KindUpstream    Kind = "upstream"    // a visit to an identity provider, keyed by the state sent there
	KindSession     Kind = "session"     // a browser's SSO session
	KindCode        Kind = "code"        // an authorization code
	KindAssertion   Kind = "assertion"   // the jti of a client assertion that was used
)

// Item is something short-lived. Value is opaque to stores.
type Item struct {
	Kind Kind
	// Key is the SHA-256 of the secret that names the item, so that a stolen database opens nothing.
	Key [32]byte
	// Owner is the user_id that the item belongs to, or empty. [Ephemeral.DeleteOwned] goes by it.
	Owner     string
	Value     []byte
	ExpiresAt time.Time
}

// Ephemeral keeps short-lived items. Expired items don't exist for its callers. Losing all of them costs people a new
// log-in and nothing else.
type Ephemeral interface {
	// Insert stores the item only where there is none with its kind and key, taken ones included; ErrExists otherwise.
	Insert(ctx context.Context, item Item) error
	// Replace stores value and end of the item over those of the one with its kind, key and owner that is neither taken
	// nor expired; ErrNotFound otherwise. What was taken or deleted while its user was at work never comes back by it.
	Replace(ctx context.Context, item Item) error
	// Get returns an item that is neither taken nor expired, or ErrNotFound.
	Get(ctx context.Context, kind Kind, key [32]byte) (Item, error)
	// Take returns the item and makes sure that nobody else can: of any number of concurrent calls exactly one gets it
	// with a nil error. Later calls get the item too, with ErrTaken, until it expires, so that a replay can be traced.
	Take(ctx context.Context, kind Kind, key [32]byte) (Item, error)
	// Delete removes the item; no error where there is none.
	Delete(ctx context.Context, kind Kind, key [32]byte) error
	// DeleteOwned removes all items of the kind that belong to the owner.
	DeleteOwned(ctx context.Context, kind Kind, owner string) error
}

// Purger removes what has expired.
type Purger interface {
	// Purge removes up to limit items and refresh tokens that ended before now and returns how many.
	Purge(ctx context.Context, now time.Time, limit int) (int, error)
}

// Grant is what a person let a client do at one log-in: the root of a code, its access tokens and its refresh tokens.
type Grant struct {
	ID         string    `json:"id"`
	UserID     string    `json:"user_id"`
	ClientID   string    `json:"client_id"`
	Connection string    `json:"connection"`           // name of the connection the person came through
	SessionID  string    `json:"session_id,omitempty"` // public id ("sid") of the browser session, if any
	Audience   string    `json:"audience,omitempty"`
	Scope      []string  `json:"scope"`
	AuthTime   time.Time `json:"auth_time"`
	CreatedAt  time.Time `json:"created_at"`
	// IDClaims and AccessClaims are the custom claims that rules and actions set at the last execution.
	IDClaims     map[string]any `json:"id_claims,omitempty"`
	AccessClaims map[string]any `json:"access_claims,omitempty"`
	// GrantType is the grant that began it, for "gty".
	GrantType string `json:"grant_type"`
	// ExpiresAt is when nothing that hangs on the grant can be valid any more, so that it may be purged.
	ExpiresAt time.Time `json:"expires_at"`
}

// RefreshToken is one token of a grant's family. Secret values are stored as SHA-256 only.
type RefreshToken struct {
	Hash    [32]byte
	GrantID string
	// Generation counts rotations, from 1. Tokens that were issued for the same predecessor share it.
	Generation int
	IssuedAt   time.Time
	// RetiredAt is when another token took its place. Zero: it is the head.
	RetiredAt time.Time
	// LastUsedAt of a non-rotating token.
	LastUsedAt time.Time
	// IdleExpiresAt and ExpiresAt end it; zero: never.
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
}

// Family is a refresh token that was presented, with its grant and the family's present generation.
type Family struct {
	Grant   Grant
	Token   RefreshToken
	Current int
}

// Exchange is what becomes of a family when one of its tokens was presented.
type Exchange struct {
	// Revoke ends the family and its grant. Nothing else is looked at then.
	Revoke bool
	// Next replaces every token of the family that is not retired; RetiredAt of those becomes Next.IssuedAt.
	Next *RefreshToken
	// Touch updates LastUsedAt and IdleExpiresAt of the presented token.
	Touch *RefreshToken
	// Claims, where not nil, replace the grant's custom claims.
	Claims *Claims
}

// Claims are a grant's custom claims.
type Claims struct{ ID, Access map[string]any }

// Grants keeps what must survive: grants, their refresh tokens and their revocations.
type Grants interface {
	// CreateGrant stores the grant, with its first refresh token where given. ErrRevoked where the id was revoked
	// before, ErrExists where it is there already.
	CreateGrant(ctx context.Context, g Grant, first *RefreshToken) error
	// GetGrant returns a grant that is not revoked; ErrRevoked or ErrNotFound otherwise.
	GetGrant(ctx context.Context, id string) (Grant, error)
	// RevokeGrant ends a grant and its refresh tokens for good, also one that is yet to be created (then remembered
	// until expires).
	RevokeGrant(ctx context.Context, id string, expires time.Time) error
	// RevokeGrantsOf ends all grants of the user, of the client, or of both where both are given, and returns how many.
	RevokeGrantsOf(ctx context.Context, userID, clientID string) (int, error)
	// FindRefresh returns the family of the token with this hash; ErrNotFound where there is none or it was revoked.
	FindRefresh(ctx context.Context, hash [32]byte) (Family, error)
	// ExchangeRefresh is FindRefresh, decide and the answer's effects as one transaction. Of concurrent calls for one
	// family each sees what the others did. decide may run again. An error of decide is returned and stores nothing.
	ExchangeRefresh(ctx context.Context, hash [32]byte, decide func(Family) (Exchange, error)) error
}

var (
	ErrNotFound = errors.New("not found or expired")
	ErrTaken    = errors.New("used before")
	ErrExists   = errors.New("there is one already")
	ErrRevoked  = errors.New("revoked")
)
