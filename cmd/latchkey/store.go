package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/drivers/postgres"
	"github.com/latchkey-id/latchkey/drivers/redis"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/observe"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// stores is where everything of the tenant is kept, whichever drivers keep it.
type stores struct {
	users  profilestore.Store
	short  sessions.Ephemeral
	grants sessions.Grants
	purger sessions.Purger
	config tenant.Store
	keys   tokens.KeyStore
	events audit.Store
	// ping tells whether all of them can be reached.
	ping func(context.Context) error
	// watch calls back when another process changed the configuration or the keys; nil where only asking tells.
	watch func(ctx context.Context, changed func(what string)) error
	close func() error
	// pools tells how busy connections are, by the name of the database.
	pools map[string]func() observe.Pool
}

// open opens the configured stores, at the newest schema unless that is to be done by hand.
func open(ctx context.Context, c *config.Config, ring *seal.Ring, now func() time.Time, log *slog.Logger) (*stores, error) {
	kept, err := openDatabase(ctx, c, ring, now, log)
	if err != nil || c.Sessions == "" {
		return kept, err
	}
	if err := kept.shortIn(ctx, c, now, log); err != nil {
		return nil, errors.Join(err, kept.close())
	}
	return kept, nil
}

// openDatabase opens what keeps everything that lasts, and short-lived state as well until shortIn.
func openDatabase(ctx context.Context, c *config.Config, ring *seal.Ring, now func() time.Time, log *slog.Logger) (*stores, error) {
	if path, ok := strings.CutPrefix(c.Database.Reveal(), "sqlite:"); ok {
		return openSQLite(ctx, c, path, ring, now)
	}
	return openPostgres(ctx, c, ring, now, log)
}

func openPostgres(ctx context.Context, c *config.Config, ring *seal.Ring, now func() time.Time, log *slog.Logger) (*stores, error) {
	db, err := postgres.Open(ctx, postgres.Options{
		URL: c.Database.Reveal(), Ring: ring, Now: now, Migrate: c.Migrate == "auto", Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := checkSchema(ctx, c, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t := db.Tenant(c.Tenant)
	return &stores{
		users: t.Users(), short: t.Ephemeral(), grants: t.Grants(), purger: t.Purger(), config: t.Config(), keys: t.Keys(),
		events: t.Audit(), ping: db.Ping, watch: t.Watch, close: db.Close,
		pools: map[string]func() observe.Pool{"postgres": func() observe.Pool { return observe.Pool(db.Stats()) }},
	}, nil
}

// shortIn moves short-lived state to the Redis of `sessions`.
func (s *stores) shortIn(ctx context.Context, c *config.Config, now func() time.Time, log *slog.Logger) error {
	redis.LogTo(log)
	short, err := redis.Open(ctx, redis.Options{URL: c.Sessions.Reveal(), Now: now})
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	database := *s
	s.pools = maps.Clone(database.pools)
	if s.pools == nil {
		s.pools = map[string]func() observe.Pool{}
	}
	s.pools["redis"] = func() observe.Pool {
		p := short.Stats()
		return observe.Pool{Open: p.Open, Used: p.Used, Waits: p.Waits, Waited: p.Waited, Refused: p.Refused}
	}
	s.short = short.Tenant(c.Tenant).Ephemeral()
	s.ping = func(ctx context.Context) error { return errors.Join(database.ping(ctx), short.Ping(ctx)) }
	s.close = func() error { return errors.Join(short.Close(), database.close()) }
	return nil
}

func openSQLite(ctx context.Context, c *config.Config, path string, ring *seal.Ring, now func() time.Time) (*stores, error) {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Ring: ring, Now: now, Migrate: c.Migrate == "auto"})
	if err != nil {
		return nil, err
	}
	if err := checkSchema(ctx, c, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t := db.Tenant(c.Tenant)
	return &stores{
		users: t.Users(), short: t.Ephemeral(), grants: t.Grants(), purger: t.Purger(), config: t.Config(), keys: t.Keys(),
		events: t.Audit(), ping: db.Ping, close: db.Close,
	}, nil
}

// checkSchema refuses an older schema where nobody but `latchkey migrate` may change it.
func checkSchema(ctx context.Context, c *config.Config, db interface {
	SchemaCurrent(context.Context) (bool, error)
},
) error {
	if c.Migrate == "auto" {
		return nil
	}
	current, err := db.SchemaCurrent(ctx)
	if err == nil && !current {
		err = errors.New("the database has an older schema and migrate is manual: run latchkey migrate first")
	}
	return err
}

// ring makes the key ring that seals secrets.
func ring(c *config.Config) (*seal.Ring, error) {
	if len(c.Keys) == 0 {
		return nil, errors.New("encryption_key: 32 bytes in base64 are needed, such as from: openssl rand -base64 32")
	}
	r, err := seal.NewRing(c.Keys...)
	if err != nil {
		return nil, fmt.Errorf("encryption_key: %w", err)
	}
	return r, nil
}
