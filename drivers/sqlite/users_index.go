package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/latchkey-id/latchkey/profilestore"
)

// indexRows are the changes that bring a user's rows in one index table up to date. Most writes are log-ins, which change
// no index row.
type indexRows struct {
	insert, remove string // statements; their arguments are tenant, the row and the user's id
	stale, missing [][]any
}

func (x indexRows) apply(ctx context.Context, s *session, tenant, userID string) error {
	// An identity whose provider changed is removed before it is inserted again.
	for _, row := range x.stale {
		if _, err := run(ctx, s, x.remove, indexArgs(tenant, row, userID)...); err != nil {
			return err
		}
	}
	for _, row := range x.missing {
		if _, err := run(ctx, s, x.insert, indexArgs(tenant, row, userID)...); err != nil {
			return err
		}
	}
	return nil
}

func indexArgs(tenant string, row []any, userID string) []any {
	return append(append([]any{tenant}, row...), userID)
}

type identityRow struct{ connection, subject, provider string }

// identities compares the user's identities with the stored ones and makes sure that new ones belong to nobody else.
func (tx *usersTx) identities(ctx context.Context, u *profilestore.User) (indexRows, error) {
	x := indexRows{
		insert: "INSERT INTO user_identities (tenant, connection, subject, provider, user_id) VALUES (?, ?, ?, ?, ?)",
		remove: "DELETE FROM user_identities WHERE tenant = ? AND connection = ? AND subject = ? AND provider = ? AND user_id = ?",
	}
	stored := map[identityRow]bool{}
	err := each(ctx, tx.session, "SELECT connection, subject, provider FROM user_identities WHERE tenant = ? AND user_id = ?",
		[]any{tx.tenant, u.ID}, func(rows *sql.Rows) error {
			var r identityRow
			err := rows.Scan(&r.connection, &r.subject, &r.provider)
			stored[r] = true
			return err
		})
	if err != nil {
		return x, err
	}
	seen := map[profilestore.Key]bool{}
	for _, identity := range u.Identities {
		r := identityRow{identity.Connection, identity.SubjectString(), identity.Provider}
		key := profilestore.Key{Connection: r.connection, Subject: r.subject}
		if r.connection == "" || r.subject == "" {
			return x, errors.New("an identity without connection or subject can't be stored")
		}
		if seen[key] {
			return x, errors.New("a user can't have the same identity twice")
		}
		seen[key] = true
		if stored[r] {
			delete(stored, r)
			continue
		}
		taken, err := tx.taken(ctx, u.ID, `SELECT user_id FROM user_identities
			WHERE tenant = ? AND connection = ? AND subject = ?`, r.connection, r.subject)
		if err != nil {
			return x, err
		}
		if taken {
			return x, profilestore.ErrIdentityTaken
		}
		x.missing = append(x.missing, []any{r.connection, r.subject, r.provider})
	}
	for r := range stored {
		x.stale = append(x.stale, []any{r.connection, r.subject, r.provider})
	}
	return x, nil
}

// logins does the same for login identifiers.
func (tx *usersTx) logins(ctx context.Context, u *profilestore.User) (indexRows, error) {
	x := indexRows{
		insert: "INSERT INTO user_logins (tenant, connection, kind, value, user_id) VALUES (?, ?, ?, ?, ?)",
		remove: "DELETE FROM user_logins WHERE tenant = ? AND connection = ? AND kind = ? AND value = ? AND user_id = ?",
	}
	stored := map[profilestore.LoginIdentifier]bool{}
	err := each(ctx, tx.session, "SELECT connection, kind, value FROM user_logins WHERE tenant = ? AND user_id = ?",
		[]any{tx.tenant, u.ID}, func(rows *sql.Rows) error {
			var id profilestore.LoginIdentifier
			err := rows.Scan(&id.Connection, &id.Kind, &id.Value)
			stored[id] = true
			return err
		})
	if err != nil {
		return x, err
	}
	seen := map[profilestore.LoginIdentifier]bool{}
	for _, id := range u.LoginIdentifiers() {
		if seen[id] {
			continue
		}
		seen[id] = true
		if stored[id] {
			delete(stored, id)
			continue
		}
		taken, err := tx.taken(ctx, u.ID, `SELECT user_id FROM user_logins
			WHERE tenant = ? AND connection = ? AND kind = ? AND value = ?`, id.Connection, id.Kind, id.Value)
		if err != nil {
			return x, err
		}
		if taken {
			return x, takenError(id.Kind)
		}
		x.missing = append(x.missing, []any{id.Connection, id.Kind, id.Value})
	}
	for id := range stored {
		x.stale = append(x.stale, []any{id.Connection, id.Kind, id.Value})
	}
	return x, nil
}

// taken tells whether another user than this one has the row.
func (tx *usersTx) taken(ctx context.Context, userID, text string, row ...any) (bool, error) {
	var owner string
	err := one(ctx, tx.session, text, append([]any{tx.tenant}, row...), &owner)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return owner != userID, err
}

func takenError(kind profilestore.LoginKind) error {
	switch kind {
	case profilestore.LoginUsername:
		return profilestore.ErrUsernameTaken
	case profilestore.LoginPhone:
		return profilestore.ErrPhoneTaken
	default:
		return profilestore.ErrEmailTaken
	}
}
