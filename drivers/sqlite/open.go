package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/latchkey-id/latchkey/internal/seal"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// InMemory is the path of a database that lives as long as its DB.
const InMemory = ":memory:"

// applicationID is "LKEY" in the header of our files (see migrations/00001_start.sql).
const applicationID = 0x4C4B4559

// Options say which database to open.
type Options struct {
	// Path is a file, made where there is none, or [InMemory].
	Path string
	// Ring seals what must not be readable in a stolen file.
	Ring *seal.Ring
	// Now is the clock that things expire by.
	Now func() time.Time
	// Migrate brings the schema up to date. Without it ask [DB.SchemaCurrent] before using any store.
	Migrate bool
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	writer  *writer
	readers *readers // nil for a database in memory
	ring    *seal.Ring
	now     func() time.Time
}

// Open opens or makes the database. It refuses a file that can't be written, that another program made, or that a newer
// Latchkey made.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Path == "" || o.Ring == nil || o.Now == nil {
		return nil, errors.New("a SQLite database needs a path, an encryption key and a clock")
	}
	db, err := connect(o)
	if err != nil {
		return nil, err
	}
	if err := patiently(ctx, func() error { return db.prepare(ctx, o.Migrate) }); err != nil {
		return nil, errors.Join(fmt.Errorf("SQLite database %s: %w", o.Path, err), db.Close())
	}
	return db, nil
}

func connect(o Options) (*DB, error) {
	db := &DB{ring: o.Ring, now: o.Now}
	if o.Path == InMemory {
		pool, err := sql.Open("sqlite", dsn(o.Path, nil))
		if err != nil {
			return nil, err
		}
		pool.SetMaxOpenConns(1)
		db.writer = newWriter(pool)
		return db, nil
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, err
	}
	if err := touch(path); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", dsn(path, url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	readPool, err := sql.Open("sqlite", dsn(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	size := max(4, runtime.GOMAXPROCS(0))
	readPool.SetMaxOpenConns(size)
	readPool.SetMaxIdleConns(size)
	db.writer = newWriter(pool)
	db.readers = &readers{db: readPool, stmts: map[string]*sql.Stmt{}}
	return db, nil
}

// touch makes the file where there is none, readable by its owner only, and finds out early what SQLite would say less
// clearly: that the file or its directory can't be written. SQLite keeps its log beside the file.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("SQLite database can't be written: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".latchkey-*")
	if err != nil {
		return fmt.Errorf("SQLite database's directory can't be written: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func dsn(path string, more url.Values) string {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"}}
	for key, values := range more {
		q[key] = values
	}
	if path == InMemory {
		return "file::memory:?" + q.Encode()
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// Another process may open the same new file at the same moment. SQLite doesn't wait where both turn write-ahead logging on
// (SQLite: PRAGMA journal_mode, sqlite3_busy_handler), so Open does.
const (
	openPatience = 10 * time.Second
	openPause    = 20 * time.Millisecond
)

// patiently runs use until another process is out of its way, with an end.
func patiently(ctx context.Context, use func() error) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	pause := time.NewTicker(openPause)
	defer pause.Stop()
	for {
		err := use()
		if resultCode(err) != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return err
		}
	}
}

// prepare checks whose database it is and migrates where asked to.
func (db *DB) prepare(ctx context.Context, migrate bool) error {
	var id, tables int64
	err := db.writer.alone(ctx, func(s *session) error {
		return one(ctx, s, "SELECT a.application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id AS a", nil,
			&id, &tables)
	})
	if err != nil {
		return fmt.Errorf("not a usable database file: %w", err)
	}
	if id != applicationID && (id != 0 || tables > 0) {
		return errors.New("the file is the database of another program")
	}
	current, newest, err := db.versions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("the file has schema version %d, this program knows up to %d: use a newer Latchkey", current, newest)
	}
	if !migrate {
		return nil
	}
	if err := db.claim(ctx); err != nil {
		return err
	}
	_, err = db.Migrate(ctx)
	return err
}

// claim marks the file as ours before anything is in it, so that it is known again where a crash cuts the migration short.
func (db *DB) claim(ctx context.Context) error {
	return db.writer.alone(ctx, func(s *session) error {
		_, err := run(ctx, s, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
		return err
	})
}

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, func(on statements) error {
		var n int
		return one(ctx, on, "SELECT count(*) FROM pragma_schema_version", nil, &n)
	})
}

// Close waits for the running write and closes the database.
func (db *DB) Close() error {
	var err error
	if db.readers != nil {
		err = db.readers.close()
	}
	// The writer goes last, so that SQLite folds its log into the file.
	return errors.Join(err, db.writer.close())
}
