package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/tenant"
)

// config keeps a tenant's configuration, one sealed document per noun.
type config struct{ *Tenant }

var _ tenant.Store = config{}

func (c config) Revision(ctx context.Context) (revision int64, err error) {
	err = c.db.read(ctx, func(on statements) error {
		return one(ctx, on, "SELECT revision FROM config_revisions WHERE tenant = ?", []any{c.name}, &revision)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return revision, err
}

func (c config) Load(ctx context.Context) (*tenant.Config, error) {
	var docs tenant.Documents
	var revision int64
	err := c.db.read(ctx, func(on statements) (err error) {
		docs, revision, err = c.documents(ctx, on)
		return err
	})
	if err != nil {
		return nil, err
	}
	return docs.Config(revision)
}

// documents is one statement, so that revision and documents are of one state.
func (c config) documents(ctx context.Context, on statements) (docs tenant.Documents, revision int64, err error) {
	docs = tenant.Documents{}
	err = each(ctx, on, `SELECT r.revision, c.kind, c.id, c.doc FROM config_revisions AS r
		LEFT JOIN config AS c ON c.tenant = r.tenant WHERE r.tenant = ?`, []any{c.name}, func(rows *sql.Rows) error {
		var kind, id, sealed sql.NullString
		if err := rows.Scan(&revision, &kind, &id, &sealed); err != nil || !kind.Valid {
			return err
		}
		n := tenant.Noun{Kind: kind.String, ID: id.String}
		doc, err := c.db.ring.Open(sealed.String, c.place(n))
		if err != nil {
			return fmt.Errorf("configuration of %s %s: %w", n.Kind, n.ID, err)
		}
		docs[n] = doc
		return nil
	})
	return docs, revision, err
}

func (c config) Update(ctx context.Context, change func(*tenant.Config) error) (updated *tenant.Config, err error) {
	err = c.db.transact(ctx, func(s *session) error {
		before, revision, err := c.documents(ctx, s)
		if err != nil {
			return err
		}
		cfg, err := before.Config(revision)
		if err != nil {
			return err
		}
		if err := change(cfg); err != nil {
			return err
		}
		after, err := cfg.Documents()
		if err != nil {
			return err
		}
		changes, err := c.store(ctx, s, before, after)
		if err != nil {
			return err
		}
		if changes > 0 {
			revision++
			_, err := run(ctx, s, `INSERT INTO config_revisions (tenant, revision) VALUES (?, ?)
				ON CONFLICT DO UPDATE SET revision = excluded.revision`, c.name, revision)
			if err != nil {
				return err
			}
		}
		// What change was given may be held by its caller, so the answer is made anew.
		updated, err = after.Config(revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// store writes what differs and returns how many documents that were.
func (c config) store(ctx context.Context, s *session, before, after tenant.Documents) (changes int, err error) {
	for n, doc := range after {
		if old, ok := before[n]; ok && bytes.Equal(old, doc) {
			continue
		}
		changes++
		_, err := run(ctx, s, `INSERT INTO config (tenant, kind, id, doc) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET doc = excluded.doc`, c.name, n.Kind, n.ID, c.db.ring.Seal(doc, c.place(n)))
		if err != nil {
			return 0, err
		}
	}
	for n := range before {
		if _, ok := after[n]; ok {
			continue
		}
		changes++
		if _, err := run(ctx, s, "DELETE FROM config WHERE tenant = ? AND kind = ? AND id = ?", c.name, n.Kind, n.ID); err != nil {
			return 0, err
		}
	}
	return changes, nil
}

func (c config) place(n tenant.Noun) string { return "config/" + n.Kind + "/" + c.name + "/" + n.ID }
