package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/tenant"
)

// config keeps a tenant's configuration, one sealed document per noun.
type config struct{ *Tenant }

var _ tenant.Store = config{}

func (c config) Revision(ctx context.Context) (revision int64, err error) {
	err = c.db.read(ctx, func(s *session) error {
		return s.one(ctx, "SELECT revision FROM config_revisions WHERE tenant = $1", []any{c.key}, &revision)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return revision, err
}

func (c config) Load(ctx context.Context) (*tenant.Config, error) {
	var docs tenant.Documents
	var revision int64
	err := c.db.read(ctx, func(s *session) (err error) {
		docs, revision, err = c.documents(ctx, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return docs.Config(revision)
}

// documents is one statement, so that revision and documents are of one state.
func (c config) documents(ctx context.Context, s *session) (docs tenant.Documents, revision int64, err error) {
	docs = tenant.Documents{}
	err = s.each(ctx, `SELECT r.revision, c.kind, c.name, c.doc FROM config_revisions AS r
		LEFT JOIN config AS c ON c.tenant = r.tenant WHERE r.tenant = $1`, []any{c.key}, func(rows pgx.Rows) error {
		var kind, sealed pgtype.Text
		var name []byte
		if err := rows.Scan(&revision, &kind, &name, &sealed); err != nil || !kind.Valid {
			return err
		}
		n := tenant.Noun{Kind: kind.String, ID: string(name)}
		doc, err := c.db.ring.Open(sealed.String, c.place(n))
		if err != nil {
			return fmt.Errorf("configuration of %s %s: %w", n.Kind, n.ID, err)
		}
		docs[n] = doc
		return nil
	})
	return docs, revision, err
}

// Update locks the tenant's revision first and reads in a second statement, which sees what was committed meanwhile.
func (c config) Update(ctx context.Context, change func(*tenant.Config) error) (updated *tenant.Config, err error) {
	err = c.db.transact(ctx, func(s *session) error {
		if err := lockRevision(ctx, s, "config_revisions", c.key); err != nil {
			return err
		}
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
		if changes := c.changes(before, after); len(changes) > 0 {
			revision++
			changes = append(changes, advance("config_revisions", c.key, revision), c.announce(ChangedConfig))
			if err := s.pipeline(ctx, changes); err != nil {
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

// lockRevision locks the tenant's row in a table of revisions, made where there is none.
func lockRevision(ctx context.Context, s *session, table, tenant string) error {
	_, err := s.run(ctx, "INSERT INTO "+table+` AS r (tenant, revision) VALUES ($1, 0)
		ON CONFLICT (tenant) DO UPDATE SET revision = r.revision`, tenant)
	return err
}

func advance(table, tenant string, revision int64) step {
	return step{text: "UPDATE " + table + " SET revision = $2 WHERE tenant = $1", args: []any{tenant, revision}}
}

// changes are the statements for what differs.
func (c config) changes(before, after tenant.Documents) []step {
	var steps []step
	for n, doc := range after {
		if old, ok := before[n]; ok && bytes.Equal(old, doc) {
			continue
		}
		steps = append(steps, step{
			text: `INSERT INTO config (tenant, kind, id, name, doc) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (tenant, kind, id) DO UPDATE SET doc = excluded.doc`,
			args: []any{c.key, n.Kind, column(n.ID), []byte(n.ID), c.db.ring.Seal(doc, c.place(n))},
		})
	}
	for n := range before {
		if _, ok := after[n]; ok {
			continue
		}
		steps = append(steps, step{
			text: "DELETE FROM config WHERE tenant = $1 AND kind = $2 AND id = $3", args: []any{c.key, n.Kind, column(n.ID)},
		})
	}
	return steps
}

func (c config) place(n tenant.Noun) string { return "config/" + n.Kind + "/" + c.name + "/" + n.ID }
