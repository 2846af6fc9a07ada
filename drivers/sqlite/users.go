package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/latchkey-id/latchkey/profilestore"
)

// users keeps people.
type users struct{ *Tenant }

var _ profilestore.Store = users{}

const (
	userByID       = "SELECT doc FROM users WHERE tenant = ? AND id = ?"
	userByIdentity = `SELECT u.doc FROM user_identities AS i JOIN users AS u ON u.tenant = i.tenant AND u.id = i.user_id
		WHERE i.tenant = ? AND i.connection = ? AND i.subject = ?`
	// E-mail addresses and usernames are stored in lower case, so the second spelling can only find a phone number.
	userByLogin = `SELECT u.doc FROM user_logins AS l JOIN users AS u ON u.tenant = l.tenant AND u.id = l.user_id
		WHERE l.tenant = ? AND l.connection = ? AND l.kind IN ('email', 'phone_number', 'username') AND l.value IN (?, ?)
		ORDER BY l.kind LIMIT 1`
)

func (us users) Get(ctx context.Context, id string) (*profilestore.User, error) {
	return us.find(ctx, userByID, us.name, id)
}

func (us users) ByIdentity(ctx context.Context, key profilestore.Key) (*profilestore.User, error) {
	return us.find(ctx, userByIdentity, us.name, key.Connection, key.Subject)
}

func (us users) ByLogin(ctx context.Context, connection, identifier string) (*profilestore.User, error) {
	return us.find(ctx, userByLogin, us.name, connection, strings.ToLower(identifier), identifier)
}

func (us users) ByEmail(ctx context.Context, email string) (found []*profilestore.User, err error) {
	err = us.db.read(ctx, func(on statements) error {
		return each(ctx, on, "SELECT doc FROM users WHERE tenant = ? AND email = ? ORDER BY created_at, id",
			[]any{us.name, email}, appendUser(&found))
	})
	return found, err
}

func (us users) Write(ctx context.Context, change func(tx profilestore.Tx) error) error {
	return us.db.transact(ctx, func(s *session) error {
		tx := &usersTx{session: s, tenant: us.name}
		defer func() { tx.session = nil }()
		return change(tx)
	})
}

func (us users) find(ctx context.Context, text string, args ...any) (u *profilestore.User, err error) {
	err = us.db.read(ctx, func(on statements) error {
		u, err = findUser(ctx, on, text, args...)
		return err
	})
	return u, err
}

func findUser(ctx context.Context, on statements, text string, args ...any) (*profilestore.User, error) {
	var doc []byte
	err := one(ctx, on, text, args, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, profilestore.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return decodeUser(doc)
}

func decodeUser(doc []byte) (*profilestore.User, error) {
	u := new(profilestore.User)
	// UnmarshalJSON keeps numbers exact by itself; called directly, the document is read once and not twice.
	return u, u.UnmarshalJSON(doc)
}

func appendUser(to *[]*profilestore.User) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var doc sql.RawBytes
		if err := rows.Scan(&doc); err != nil {
			return err
		}
		u, err := decodeUser(doc)
		*to = append(*to, u)
		return err
	}
}

// usersTx is a transaction over one tenant's people. session is nil when it is over.
type usersTx struct {
	session *session
	tenant  string
}

var errOver = errors.New("the transaction is over")

func (tx *usersTx) find(ctx context.Context, text string, args ...any) (*profilestore.User, error) {
	if tx.session == nil {
		return nil, errOver
	}
	return findUser(ctx, tx.session, text, args...)
}

func (tx *usersTx) Get(ctx context.Context, id string) (*profilestore.User, error) {
	return tx.find(ctx, userByID, tx.tenant, id)
}

func (tx *usersTx) ByIdentity(ctx context.Context, key profilestore.Key) (*profilestore.User, error) {
	return tx.find(ctx, userByIdentity, tx.tenant, key.Connection, key.Subject)
}

func (tx *usersTx) ByLogin(ctx context.Context, connection, identifier string) (*profilestore.User, error) {
	return tx.find(ctx, userByLogin, tx.tenant, connection, strings.ToLower(identifier), identifier)
}

func (tx *usersTx) Delete(ctx context.Context, id string) error {
	if tx.session == nil {
		return errOver
	}
	// The index rows go with it (ON DELETE CASCADE).
	_, err := run(ctx, tx.session, "DELETE FROM users WHERE tenant = ? AND id = ?", tx.tenant, id)
	return err
}

// Put looks for other owners before it changes anything, so that its errors leave the transaction as it was.
func (tx *usersTx) Put(ctx context.Context, u *profilestore.User) error {
	if tx.session == nil {
		return errOver
	}
	if u.ID == "" {
		return errors.New("a user without user_id can't be stored")
	}
	doc, err := json.Marshal(u)
	if err != nil {
		return fmt.Errorf("user can't be stored: %w", err)
	}
	identities, err := tx.identities(ctx, u)
	if err != nil {
		return err
	}
	logins, err := tx.logins(ctx, u)
	if err != nil {
		return err
	}
	if err := tx.store(ctx, u, doc); err != nil {
		return err
	}
	if err := identities.apply(ctx, tx.session, tx.tenant, u.ID); err != nil {
		return err
	}
	return logins.apply(ctx, tx.session, tx.tenant, u.ID)
}

func (tx *usersTx) store(ctx context.Context, u *profilestore.User, doc []byte) error {
	var lastLogin int64
	if u.LastLogin != nil {
		lastLogin = micros(*u.LastLogin)
	}
	_, err := run(ctx, tx.session, `INSERT INTO users (tenant, id, email, email_lower, username, phone_number, name_lower,
			nickname_lower, given_name_lower, family_name_lower, created_at, updated_at, last_login, logins_count, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, id) DO UPDATE SET email = excluded.email, email_lower = excluded.email_lower,
			username = excluded.username, phone_number = excluded.phone_number, name_lower = excluded.name_lower,
			nickname_lower = excluded.nickname_lower, given_name_lower = excluded.given_name_lower,
			family_name_lower = excluded.family_name_lower, created_at = excluded.created_at,
			updated_at = excluded.updated_at, last_login = excluded.last_login, logins_count = excluded.logins_count,
			doc = excluded.doc`,
		tx.tenant, u.ID, text(u.Root, "email"), lower(u.Root, "email"), text(u.Root, "username"),
		text(u.Root, "phone_number"), lower(u.Root, "name"), lower(u.Root, "nickname"), lower(u.Root, "given_name"),
		lower(u.Root, "family_name"), micros(u.CreatedAt), micros(u.UpdatedAt), lastLogin, u.LoginsCount, string(doc))
	return err
}

// text is a root attribute as an index column: NULL where it is no text.
func text(root map[string]any, name string) any {
	if s, ok := root[name].(string); ok {
		return s
	}
	return nil
}

// lower is text for comparisons that ignore case. SQLite's own lower() knows ASCII only.
func lower(root map[string]any, name string) any {
	if s, ok := root[name].(string); ok {
		return strings.ToLower(s)
	}
	return nil
}
