package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/profilestore"
)

// users keeps people.
type users struct{ *Tenant }

var _ profilestore.Store = users{}

const (
	userByID = "SELECT u.doc FROM users AS u WHERE u.tenant = $1 AND u.id = $2"
	// A subselect and not a join: where PostgreSQL has no figures about young tables it may read one end to end for a join.
	userByIdentity = `SELECT u.doc FROM users AS u WHERE u.tenant = $1 AND u.id = (SELECT i.user_id FROM user_identities AS i
		WHERE i.tenant = $1 AND i.connection = $2 AND i.subject = $3)`
	// Login identifiers are stored in lower case.
	userByLogin = `SELECT u.doc FROM users AS u WHERE u.tenant = $1 AND u.id = (SELECT l.user_id FROM user_logins AS l
		WHERE l.tenant = $1 AND l.connection = $2 AND l.kind IN ('email', 'phone_number', 'username') AND l.value = $3
		ORDER BY l.kind LIMIT 1)`
	// locked is added where the user is read to be changed.
	locked = " FOR UPDATE OF u"
)

func (us users) Get(ctx context.Context, id string) (*profilestore.User, error) {
	return us.find(ctx, userByID, column(id))
}

func (us users) ByIdentity(ctx context.Context, key profilestore.Key) (*profilestore.User, error) {
	return us.find(ctx, userByIdentity, column(key.Connection), column(key.Subject))
}

func (us users) ByLogin(ctx context.Context, connection, identifier string) (*profilestore.User, error) {
	return us.find(ctx, userByLogin, column(connection), column(strings.ToLower(identifier)))
}

func (us users) ByEmail(ctx context.Context, email string) (found []*profilestore.User, err error) {
	err = us.db.read(ctx, func(s *session) error {
		found = nil
		return s.each(ctx, "SELECT doc FROM users WHERE tenant = $1 AND email = $2 ORDER BY created_at, id",
			[]any{us.key, column(email)}, appendUser(&found))
	})
	return found, err
}

func (us users) Write(ctx context.Context, change func(tx profilestore.Tx) error) error {
	return us.db.transact(ctx, func(s *session) error {
		tx := &usersTx{session: s, tenant: us.key, present: map[string]bool{}, missed: map[any]bool{}}
		defer func() { tx.session = nil }()
		return change(tx)
	})
}

func (us users) find(ctx context.Context, text string, args ...any) (u *profilestore.User, err error) {
	err = us.db.read(ctx, func(s *session) error {
		u, err = findUser(ctx, s, text, append([]any{us.key}, args...))
		return err
	})
	return u, err
}

func findUser(ctx context.Context, s *session, text string, args []any) (*profilestore.User, error) {
	var doc []byte
	err := s.one(ctx, text, args, &doc)
	if errors.Is(err, pgx.ErrNoRows) {
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

func appendUser(to *[]*profilestore.User) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var doc pgtype.DriverBytes
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
	// present are the ids of users whose rows this transaction has locked.
	present map[string]bool
	// missed is what was looked for and not found: a userID, a profilestore.Key or a login. Nothing keeps others from
	// storing it meanwhile, so Put looks whether somebody did.
	missed map[any]bool
}

type (
	userID string
	login  struct{ connection, value string } // value in lower case
)

var (
	errOver  = errors.New("the transaction is over")
	errMoved = errors.New("what the user was found by moves from user to user")
)

func (tx *usersTx) Get(ctx context.Context, id string) (*profilestore.User, error) {
	return tx.find(ctx, userID(id), userByID, column(id))
}

func (tx *usersTx) ByIdentity(ctx context.Context, key profilestore.Key) (*profilestore.User, error) {
	return tx.find(ctx, key, userByIdentity, column(key.Connection), column(key.Subject))
}

func (tx *usersTx) ByLogin(ctx context.Context, connection, identifier string) (*profilestore.User, error) {
	value := strings.ToLower(identifier)
	return tx.find(ctx, login{connection, value}, userByLogin, column(connection), column(value))
}

// find locks the user whom it returns. While it waited for the lock the user may have given up what it was found by, or may
// have been deleted, in favour of another user; so it looks again then, and once more before it says that there is none.
func (tx *usersTx) find(ctx context.Context, by any, text string, args ...any) (*profilestore.User, error) {
	if tx.session == nil {
		return nil, errOver
	}
	args = append([]any{tx.tenant}, args...)
	missed := false
	for range 4 {
		u, err := findUser(ctx, tx.session, text+locked, args)
		switch {
		case errors.Is(err, profilestore.ErrNotFound) && !missed:
			missed = true
		case errors.Is(err, profilestore.ErrNotFound):
			tx.missed[by] = true
			return nil, err
		case err != nil:
			return nil, err
		case has(u, by):
			tx.present[u.ID] = true
			return u, nil
		}
	}
	return nil, tx.session.race(errMoved)
}

// has tells whether the user is the one that by names.
func has(u *profilestore.User, by any) bool {
	if by == userID(u.ID) {
		return true
	}
	for _, identity := range u.Identities {
		if by == identity.Key() {
			return true
		}
	}
	for _, id := range u.LoginIdentifiers() {
		if by == (login{id.Connection, id.Value}) {
			return true
		}
	}
	return false
}

func (tx *usersTx) Delete(ctx context.Context, id string) error {
	if tx.session == nil {
		return errOver
	}
	delete(tx.present, id)
	// The index rows go with it (ON DELETE CASCADE).
	_, err := tx.session.run(ctx, "DELETE FROM users WHERE tenant = $1 AND id = $2", tx.tenant, column(id))
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
	row, err := userRow(tx.tenant, u)
	if err != nil {
		return fmt.Errorf("user can't be stored: %w", err)
	}
	wanted, err := indexRows(u)
	if err != nil {
		return err
	}
	exists, err := tx.lock(ctx, u.ID)
	if err != nil {
		return err
	}
	var stored map[indexRow]bool
	if exists {
		if stored, err = tx.stored(ctx, u.ID); err != nil {
			return err
		}
	}
	stale, missing := difference(stored, wanted)
	if err := tx.checkOwners(ctx, u.ID, missing); err != nil {
		return err
	}
	if err := tx.session.pipeline(ctx, tx.changes(u.ID, append(row, exists), stale, missing)); err != nil {
		return err
	}
	tx.present[u.ID] = true
	return nil
}

// lock locks the user's row and tells whether there is one.
func (tx *usersTx) lock(ctx context.Context, id string) (exists bool, err error) {
	if tx.present[id] {
		return true, nil
	}
	u, err := findUser(ctx, tx.session, userByID+locked, []any{tx.tenant, column(id)})
	if errors.Is(err, profilestore.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for by := range tx.missed {
		if has(u, by) {
			return false, tx.session.race(profilestore.ErrUserIDTaken)
		}
	}
	return true, nil
}

// putUser stores the user's row if it is there ($23), or isn't, as expected.
const putUser = `INSERT INTO users (tenant, id, email, email_lower, email_verified, username, phone_number, name_lower,
		nickname_lower, given_name_lower, family_name_lower, blocked, last_ip, first_connection, first_provider, first_subject,
		created_at, updated_at, last_login, logins_count, metadata, doc)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
	ON CONFLICT (id, tenant) DO UPDATE SET email = excluded.email, email_lower = excluded.email_lower,
		email_verified = excluded.email_verified, username = excluded.username, phone_number = excluded.phone_number,
		name_lower = excluded.name_lower, nickname_lower = excluded.nickname_lower,
		given_name_lower = excluded.given_name_lower, family_name_lower = excluded.family_name_lower,
		blocked = excluded.blocked, last_ip = excluded.last_ip, first_connection = excluded.first_connection,
		first_provider = excluded.first_provider, first_subject = excluded.first_subject, created_at = excluded.created_at,
		updated_at = excluded.updated_at, last_login = excluded.last_login, logins_count = excluded.logins_count,
		metadata = excluded.metadata, doc = excluded.doc
	WHERE $23::boolean`

// userRow is the first 22 arguments of putUser.
func userRow(tenant string, u *profilestore.User) ([]any, error) {
	doc, err := encode(u)
	if err != nil {
		return nil, err
	}
	metadata, err := searchable(u)
	if err != nil {
		return nil, err
	}
	var lastLogin int64
	if u.LastLogin != nil {
		lastLogin = micros(*u.LastLogin)
	}
	var first profilestore.Identity
	if len(u.Identities) > 0 {
		first = u.Identities[0]
	}
	return []any{
		tenant, column(u.ID), text(u.Root, "email"), lower(u.Root, "email"), truth(u.Root["email_verified"]),
		text(u.Root, "username"), text(u.Root, "phone_number"), lower(u.Root, "name"), lower(u.Root, "nickname"),
		lower(u.Root, "given_name"), lower(u.Root, "family_name"), truth(u.Blocked), orNull(u.LastIP),
		orNull(first.Connection), orNull(first.Provider), orNull(first.SubjectString()), micros(u.CreatedAt),
		micros(u.UpdatedAt), lastLogin, u.LoginsCount, metadata, doc,
	}, nil
}

// text is a root attribute as an index column: NULL where it is no text.
func text(root map[string]any, name string) any {
	if s, ok := root[name].(string); ok {
		return column(s)
	}
	return nil
}

// lower is text for comparisons that ignore case. PostgreSQL's own lower() knows ASCII only where texts are compared by
// their bytes.
func lower(root map[string]any, name string) any {
	if s, ok := root[name].(string); ok {
		return column(strings.ToLower(s))
	}
	return nil
}

// truth is a boolean, or a pointer to one, as it is searched for; NULL where it is none.
func truth(v any) any {
	switch v := v.(type) {
	case bool:
		return fmt.Sprint(v)
	case *bool:
		if v != nil {
			return fmt.Sprint(*v)
		}
	}
	return nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return column(s)
}
