package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationsTable holds the versions that were applied.
const migrationsTable = "latchkey_migrations"

// Migrate brings the schema up to date and returns the names of the migrations that it applied, none where it was.
func (db *DB) Migrate(ctx context.Context) (applied []string, err error) {
	err = db.writer.release(ctx, func(pool *sql.DB) error {
		provider, err := newProvider(pool)
		if err != nil {
			return err
		}
		applied, err = up(ctx, provider)
		return err
	})
	return applied, err
}

// up applies what is missing. Another process may do the same: who finds a migration done meanwhile goes on with the next.
func up(ctx context.Context, provider *goose.Provider) (applied []string, err error) {
	for {
		before, err := provider.GetDBVersion(ctx)
		if err != nil {
			return applied, fmt.Errorf("schema version: %w", err)
		}
		results, err := provider.Up(ctx)
		for _, r := range results {
			applied = append(applied, path.Base(r.Source.Path))
		}
		if err == nil {
			return applied, nil
		}
		after, versionErr := provider.GetDBVersion(ctx)
		if versionErr != nil || after == before {
			return applied, errors.Join(fmt.Errorf("schema migration: %w", err), versionErr)
		}
	}
}

// SchemaCurrent tells whether the schema is the one that this program was made for. It changes nothing.
func (db *DB) SchemaCurrent(ctx context.Context) (bool, error) {
	current, newest, err := db.versions(ctx)
	return current == newest, err
}

// versions returns the schema version of the file, 0 where there is none, and the newest one that is known.
func (db *DB) versions(ctx context.Context) (current, newest int64, err error) {
	err = db.writer.release(ctx, func(pool *sql.DB) error {
		provider, err := newProvider(pool)
		if err != nil {
			return err
		}
		for _, source := range provider.ListSources() {
			newest = max(newest, source.Version)
		}
		var exists bool
		err = pool.QueryRowContext(ctx, "SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?", migrationsTable).Scan(&exists)
		if err != nil || !exists {
			return err
		}
		return pool.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+migrationsTable+" WHERE is_applied").
			Scan(&current)
	})
	return current, newest, err
}

func newProvider(pool *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, pool, files,
		goose.WithTableName(migrationsTable), goose.WithDisableGlobalRegistry(true))
}
