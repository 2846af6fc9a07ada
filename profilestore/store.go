package profilestore

import "context"

// Reader answers questions about users. Every method returns copies that the caller may change.
type Reader interface {
	// Get returns the user with this user_id, or ErrNotFound.
	Get(ctx context.Context, id string) (*User, error)
	// ByIdentity returns the user who owns the identity, as primary or as secondary, or ErrNotFound.
	ByIdentity(ctx context.Context, key Key) (*User, error)
	// ByLogin returns the user whose identity of this database or passwordless connection carries the identifier:
	// an e-mail address (compared in lower case), a username (lower case) or a phone number. ErrNotFound otherwise.
	ByLogin(ctx context.Context, connection, identifier string) (*User, error)
	// ByEmail returns all users whose root e-mail is exactly this text, oldest first.
	ByEmail(ctx context.Context, email string) ([]*User, error)
	// Search returns one page of users.
	Search(ctx context.Context, q Query) (Page, error)
}

// Writer runs a change inside the driver's transaction. The function may be run again where the database asks for it, so
// it has no effects but those through tx. What it returns is returned; nothing is stored when it returns an error.
type Writer interface {
	Write(ctx context.Context, change func(tx Tx) error) error
}

// Store is what a driver implements and what profilestore/storetest holds it to.
type Store interface {
	Reader
	Writer
}

// Tx is a transaction over users. Reads inside it see its own writes and are safe against concurrent writers.
type Tx interface {
	Get(ctx context.Context, id string) (*User, error)
	ByIdentity(ctx context.Context, key Key) (*User, error)
	ByLogin(ctx context.Context, connection, identifier string) (*User, error)
	// Put stores the user under user.ID, new or not, and brings its index rows up to date: identities, and login
	// identifiers ([User.LoginIdentifiers]). It returns ErrIdentityTaken, ErrEmailTaken, ErrUsernameTaken or
	// ErrPhoneTaken where another user has one of them.
	Put(ctx context.Context, u *User) error
	// Delete removes the user; no error where there is none.
	Delete(ctx context.Context, id string) error
}

// Query is a search over users. Terms are joined with AND.
type Query struct {
	Terms []Term
	// Connection restricts to users with an identity of this connection.
	Connection string
	// Sort is a field of Term.Field's vocabulary without metadata; empty: created_at.
	Sort       string
	Descending bool
	Offset     int
	Limit      int
	// Total asks for Page.Total.
	Total bool
}

// Term compares one field with one value. Fields: user_id, email, email_verified, username, phone_number, name, nickname,
// given_name, family_name, blocked, logins_count, last_ip, identities.connection, identities.provider,
// identities.user_id, app_metadata.* and user_metadata.*. Comparison ignores case for email, name, given_name,
// family_name and nickname (Auth0: User Search Query Syntax).
type Term struct {
	Field string
	Value string
}

// Page is a part of a search result.
type Page struct {
	Users []*User
	// Total counts all matches, where the query asked for it.
	Total int
}
