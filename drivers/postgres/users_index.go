package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/profilestore"
)

// indexRow is a row that a user is found by, an identity or a login identifier, as columns.
type indexRow struct {
	table      string // user_identities or user_logins
	connection string
	value      string // the subject or the identifier
	what       string // the provider or the kind
}

const (
	identities = "user_identities"
	logins     = "user_logins"
)

// wantedRow is a row that a user should have, with what it was made of in the terms of usersTx.missed.
type wantedRow struct {
	indexRow
	by any
}

// indexRows are the rows that the user should have, in an order that all writers share, so that they don't wait for each
// other crosswise.
func indexRows(u *profilestore.User) ([]wantedRow, error) {
	var rows []wantedRow
	seen := map[any]bool{}
	for _, identity := range u.Identities {
		key := identity.Key()
		if key.Connection == "" || key.Subject == "" {
			return nil, errors.New("an identity without connection or subject can't be stored")
		}
		if seen[key] {
			return nil, errors.New("a user can't have the same identity twice")
		}
		seen[key] = true
		rows = append(rows, wantedRow{
			indexRow{identities, column(key.Connection), column(key.Subject), column(identity.Provider)}, key,
		})
	}
	for _, id := range u.LoginIdentifiers() {
		if seen[id] {
			continue
		}
		seen[id] = true
		rows = append(rows, wantedRow{
			indexRow{logins, column(id.Connection), column(id.Value), string(id.Kind)}, login{id.Connection, id.Value},
		})
	}
	slices.SortFunc(rows, func(a, b wantedRow) int { return compareRows(a.indexRow, b.indexRow) })
	return rows, nil
}

func compareRows(a, b indexRow) int {
	return slices.Compare([]string{a.table, a.connection, a.value, a.what}, []string{b.table, b.connection, b.value, b.what})
}

// stored reads the rows that the user has.
func (tx *usersTx) stored(ctx context.Context, id string) (map[indexRow]bool, error) {
	rows := map[indexRow]bool{}
	err := tx.session.each(ctx, `SELECT 'user_identities', connection, subject, provider FROM user_identities
			WHERE tenant = $1 AND user_id = $2
		UNION ALL SELECT 'user_logins', connection, value, kind FROM user_logins WHERE tenant = $1 AND user_id = $2`,
		[]any{tx.tenant, column(id)}, func(scan pgx.Rows) error {
			var r indexRow
			err := scan.Scan(&r.table, &r.connection, &r.value, &r.what)
			rows[r] = true
			return err
		})
	return rows, err
}

// difference is what must go and what must come. Most writes are log-ins, which change no row.
func difference(stored map[indexRow]bool, wanted []wantedRow) (stale []indexRow, missing []wantedRow) {
	kept := map[indexRow]bool{}
	for _, row := range wanted {
		if stored[row.indexRow] {
			kept[row.indexRow] = true
		} else {
			missing = append(missing, row)
		}
	}
	for row := range stored {
		if !kept[row] {
			stale = append(stale, row)
		}
	}
	slices.SortFunc(stale, compareRows)
	return stale, missing
}

// owners finds who has the rows with these values. It is one statement, so that it shows one state: whoever took an identity
// took the login identifiers with it. The subselects are answered from the primary keys, however many rows there are.
const owners = `SELECT 'user_identities', w.connection, w.value, '', (SELECT i.user_id FROM user_identities AS i
			WHERE i.tenant = $1 AND i.connection = w.connection AND i.subject = w.value)
		FROM unnest($2::text[], $3::text[]) AS w (connection, value)
	UNION ALL SELECT 'user_logins', w.connection, w.value, w.kind, (SELECT l.user_id FROM user_logins AS l
			WHERE l.tenant = $1 AND l.connection = w.connection AND l.value = w.value AND l.kind = w.kind)
		FROM unnest($4::text[], $5::text[], $6::text[]) AS w (connection, value, kind)`

// checkOwners makes sure that the rows belong to nobody else.
func (tx *usersTx) checkOwners(ctx context.Context, id string, rows []wantedRow) error {
	if len(rows) == 0 {
		return nil
	}
	var identity, logged [3][]string
	for _, r := range rows {
		to := &identity
		if r.table == logins {
			to = &logged
		}
		to[0], to[1], to[2] = append(to[0], r.connection), append(to[1], r.value), append(to[2], r.what)
	}
	taken := map[indexRow]bool{}
	err := tx.session.each(ctx, owners, []any{tx.tenant, identity[0], identity[1], logged[0], logged[1], logged[2]},
		func(scan pgx.Rows) error {
			var r indexRow
			var owner pgtype.Text
			err := scan.Scan(&r.table, &r.connection, &r.value, &r.what, &owner)
			taken[r] = owner.Valid && owner.String != column(id)
			return err
		})
	if err != nil {
		return err
	}
	var refused error
	for _, row := range rows {
		r := row.indexRow
		if r.table == identities {
			r.what = "" // whatever provider it was stored with
		}
		if !taken[r] {
			continue
		}
		if tx.missed[row.by] {
			// There was none when this transaction looked.
			return tx.session.race(takenError(row.indexRow))
		}
		if refused == nil {
			refused = takenError(row.indexRow)
		}
	}
	return refused
}

// changes are the statements that store a user. Where a row turns out to be another's, its transaction was faster: this one
// runs again.
func (tx *usersTx) changes(id string, row []any, stale []indexRow, missing []wantedRow) []step {
	expect := func(err error) func(int64) error {
		return func(rows int64) error {
			if rows == 0 {
				return tx.session.race(err)
			}
			return nil
		}
	}
	steps := []step{{text: putUser, args: row, changed: expect(profilestore.ErrUserIDTaken)}}
	// An identity whose provider changed is removed before it is inserted again.
	for _, r := range stale {
		text := "DELETE FROM user_identities WHERE tenant = $1 AND connection = $2 AND subject = $3 AND provider = $4 AND user_id = $5"
		if r.table == logins {
			text = "DELETE FROM user_logins WHERE tenant = $1 AND connection = $2 AND value = $3 AND kind = $4 AND user_id = $5"
		}
		steps = append(steps, step{text: text, args: []any{tx.tenant, r.connection, r.value, r.what, column(id)}})
	}
	for _, r := range missing {
		text := `INSERT INTO user_identities (tenant, connection, subject, provider, user_id) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT ON CONSTRAINT user_identities_pkey DO NOTHING`
		if r.table == logins {
			text = `INSERT INTO user_logins (tenant, connection, value, kind, user_id) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT ON CONSTRAINT user_logins_pkey DO NOTHING`
		}
		steps = append(steps, step{
			text: text, args: []any{tx.tenant, r.connection, r.value, r.what, column(id)}, changed: expect(takenError(r.indexRow)),
		})
	}
	return steps
}

func takenError(row indexRow) error {
	switch {
	case row.table == identities:
		return profilestore.ErrIdentityTaken
	case row.what == string(profilestore.LoginUsername):
		return profilestore.ErrUsernameTaken
	case row.what == string(profilestore.LoginPhone):
		return profilestore.ErrPhoneTaken
	default:
		return profilestore.ErrEmailTaken
	}
}
