package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// migrationsTable holds the versions that were applied.
	migrationsTable = "latchkey_migrations"
	// migrationsLock is "LKEY", the advisory lock of whoever migrates.
	migrationsLock = 0x4C4B4559
	// A node that waits for another one's migration asks each second, for five minutes.
	lockPeriod, lockAttempts = 1, 300
)

// Migrate brings the schema up to date and returns the names of the migrations that it applied, none where it was. Nodes
// that do it at once wait for each other.
func (db *DB) Migrate(ctx context.Context) (applied []string, err error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationsLock), lock.WithLockTimeout(lockPeriod, lockAttempts))
	if err != nil {
		return nil, err
	}
	err = db.migrations(func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		for _, r := range results {
			applied = append(applied, path.Base(r.Source.Path))
		}
		if err != nil {
			return fmt.Errorf("schema migration: %w", err)
		}
		return nil
	}, goose.WithSessionLocker(locker))
	return applied, err
}

// SchemaCurrent tells whether the schema is the one that this program was made for. It changes nothing.
func (db *DB) SchemaCurrent(ctx context.Context) (bool, error) {
	current, newest, err := db.versions(ctx)
	return current == newest, err
}

// versions returns the schema version of the database, 0 where there is none, and the newest one that is known.
func (db *DB) versions(ctx context.Context) (current, newest int64, err error) {
	err = db.migrations(func(provider *goose.Provider) error {
		for _, source := range provider.ListSources() {
			newest = max(newest, source.Version)
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	err = db.read(ctx, func(s *session) error {
		var exists bool
		err := s.one(ctx, "SELECT to_regclass($1) IS NOT NULL", []any{migrationsTable}, &exists)
		if err != nil || !exists {
			return err
		}
		return s.one(ctx, "SELECT coalesce(max(version_id), 0) FROM "+migrationsTable+" WHERE is_applied", nil, &current)
	})
	return current, newest, err
}

// migrations makes what runs migrations over the pool.
func (db *DB) migrations(use func(*goose.Provider) error, options ...goose.ProviderOption) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	pool := stdlib.OpenDBFromPool(db.pool)
	defer func() { err = errors.Join(err, pool.Close()) }()
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, files, append(options,
		goose.WithTableName(migrationsTable), goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return err
	}
	return use(provider)
}
