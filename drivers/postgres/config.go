package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/tenant"
)

// config keeps a tenant's configuration, one sealed document per noun.
type config struct{ *Tenant }

var _ tenant.Store = config{}

// noun names a document. Settings have no id.
type noun struct{ kind, id string }

// documents are the nouns of one configuration as JSON.
type documents map[noun][]byte

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
	var docs documents
	var revision int64
	err := c.db.read(ctx, func(s *session) (err error) {
		docs, revision, err = c.documents(ctx, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return docs.decode(revision)
}

// documents is one statement, so that revision and documents are of one state.
func (c config) documents(ctx context.Context, s *session) (docs documents, revision int64, err error) {
	docs = documents{}
	err = s.each(ctx, `SELECT r.revision, c.kind, c.name, c.doc FROM config_revisions AS r
		LEFT JOIN config AS c ON c.tenant = r.tenant WHERE r.tenant = $1`, []any{c.key}, func(rows pgx.Rows) error {
		var kind, sealed pgtype.Text
		var name []byte
		if err := rows.Scan(&revision, &kind, &name, &sealed); err != nil || !kind.Valid {
			return err
		}
		n := noun{kind.String, string(name)}
		doc, err := c.db.ring.Open(sealed.String, c.place(n))
		if err != nil {
			return fmt.Errorf("configuration of %s %s: %w", n.kind, n.id, err)
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
		cfg, err := before.decode(revision)
		if err != nil {
			return err
		}
		if err := change(cfg); err != nil {
			return err
		}
		after, err := encodeConfig(cfg)
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
		updated, err = after.decode(revision)
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
func (c config) changes(before, after documents) []step {
	var steps []step
	for n, doc := range after {
		if old, ok := before[n]; ok && bytes.Equal(old, doc) {
			continue
		}
		steps = append(steps, step{
			text: `INSERT INTO config (tenant, kind, id, name, doc) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (tenant, kind, id) DO UPDATE SET doc = excluded.doc`,
			args: []any{c.key, n.kind, column(n.id), []byte(n.id), c.db.ring.Seal(doc, c.place(n))},
		})
	}
	for n := range before {
		if _, ok := after[n]; ok {
			continue
		}
		steps = append(steps, step{
			text: "DELETE FROM config WHERE tenant = $1 AND kind = $2 AND id = $3", args: []any{c.key, n.kind, column(n.id)},
		})
	}
	return steps
}

func (c config) place(n noun) string { return "config/" + n.kind + "/" + c.name + "/" + n.id }

// The kinds of documents.
const (
	kindSettings       = "settings"
	kindClient         = "client"
	kindConnection     = "connection"
	kindResourceServer = "resource_server"
	kindClientGrant    = "client_grant"
	kindRole           = "role"
)

// decode makes a configuration, indexed.
func (d documents) decode(revision int64) (*tenant.Config, error) {
	cfg := &tenant.Config{
		Revision: revision, Clients: map[string]*tenant.Client{}, Connections: map[string]*tenant.Connection{},
		ResourceServers: map[string]*tenant.ResourceServer{}, ClientGrants: map[string]*tenant.ClientGrant{},
		Roles: map[string]*tenant.Role{},
	}
	for n, doc := range d {
		var err error
		switch n.kind {
		case kindSettings:
			err = decode(doc, &cfg.Settings)
		case kindClient:
			err = decodeInto(cfg.Clients, n.id, doc)
		case kindConnection:
			err = decodeInto(cfg.Connections, n.id, doc)
		case kindResourceServer:
			err = decodeInto(cfg.ResourceServers, n.id, doc)
		case kindClientGrant:
			err = decodeInto(cfg.ClientGrants, n.id, doc)
		case kindRole:
			err = decodeInto(cfg.Roles, n.id, doc)
		default:
			err = errors.New("unknown kind")
		}
		if err != nil {
			return nil, fmt.Errorf("stored configuration of %s %s: %w", n.kind, n.id, err)
		}
	}
	cfg.Index()
	return cfg, nil
}

func decodeInto[T any](all map[string]*T, id string, doc []byte) error {
	v := new(T)
	all[id] = v
	return decode(doc, v)
}

// encodeConfig is decode turned round. Equal nouns have equal bytes, because encoding/json sorts the keys of maps.
func encodeConfig(cfg *tenant.Config) (documents, error) {
	d := documents{}
	settings, err := json.Marshal(cfg.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	unset, err := json.Marshal(tenant.Settings{})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(settings, unset) {
		d[noun{kind: kindSettings}] = settings
	}
	err = errors.Join(
		encodeInto(d, kindClient, cfg.Clients, func(v *tenant.Client) string { return v.ID }),
		encodeInto(d, kindConnection, cfg.Connections, func(v *tenant.Connection) string { return v.ID }),
		encodeInto(d, kindResourceServer, cfg.ResourceServers, func(v *tenant.ResourceServer) string { return v.ID }),
		encodeInto(d, kindClientGrant, cfg.ClientGrants, func(v *tenant.ClientGrant) string { return v.ID }),
		encodeInto(d, kindRole, cfg.Roles, func(v *tenant.Role) string { return v.ID }),
	)
	return d, err
}

func encodeInto[T any](d documents, kind string, all map[string]*T, idOf func(*T) string) error {
	for id, v := range all {
		if v == nil || id == "" || idOf(v) != id {
			return fmt.Errorf("%s %q is stored under an id that isn't its own", kind, id)
		}
		doc, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s %s: %w", kind, id, err)
		}
		d[noun{kind, id}] = doc
	}
	return nil
}
