package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-id/latchkey/internal/seal"
)

const (
	defaultMaxConns       = 16
	defaultAcquireTimeout = 5 * time.Second
	defaultCallTimeout    = 5 * time.Second
	// idleTimeout ends the transaction of a node that stopped in the middle, so that its locks don't stop the others.
	idleTimeout = "30s"
)

// Options say which database to open.
type Options struct {
	// URL is a connection URL or a keyword/value string (PostgreSQL: Connection Strings). Several hosts with
	// target_session_attrs=read-write follow a fail-over.
	URL string
	// Ring seals what must not be readable in a stolen database.
	Ring *seal.Ring
	// Now is the clock that things expire by.
	Now func() time.Time
	// Migrate brings the schema up to date. Without it ask [DB.SchemaCurrent] before using any store.
	Migrate bool
	// MaxConns is how many connections the pool opens at most; 0: what the URL says in pool_max_conns, or 16. Each running
	// [Tenant.Watch] has one more.
	MaxConns int
	// AcquireTimeout is how long a call waits for a connection before it fails with [ErrUnavailable]; 0: 5 seconds.
	AcquireTimeout time.Duration
	// CallTimeout is how long a call may take in all, waiting for a connection, for others' locks and repetitions included,
	// before it fails with [ErrUnavailable]; 0: 5 seconds. A commit that has begun gets 5 seconds of its own.
	CallTimeout time.Duration
	// Logger is told about lost connections that nobody waits for; nil: nobody is.
	Logger *slog.Logger
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	pool           *pgxpool.Pool
	ring           *seal.Ring
	now            func() time.Time
	acquireTimeout time.Duration
	callTimeout    time.Duration
	log            *slog.Logger
}

// Open connects to the database. It refuses one that doesn't hold UTF-8 and one that a newer Latchkey made.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.URL == "" || o.Ring == nil || o.Now == nil {
		return nil, errors.New("a PostgreSQL database needs a URL, an encryption key and a clock")
	}
	conf, err := poolConfig(o)
	if err != nil {
		return nil, err
	}
	return open(ctx, o, conf)
}

func open(ctx context.Context, o Options, conf *pgxpool.Config) (*DB, error) {
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL database: %w", err)
	}
	db := &DB{pool: pool, ring: o.Ring, now: o.Now, acquireTimeout: acquireTimeout(o), callTimeout: o.CallTimeout, log: o.Logger}
	if db.callTimeout <= 0 {
		db.callTimeout = defaultCallTimeout
	}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if err := db.prepare(ctx, o.Migrate); err != nil {
		pool.Close()
		return nil, fmt.Errorf("PostgreSQL database: %w", err)
	}
	return db, nil
}

func acquireTimeout(o Options) time.Duration {
	if o.AcquireTimeout > 0 {
		return o.AcquireTimeout
	}
	return defaultAcquireTimeout
}

func poolConfig(o Options) (*pgxpool.Config, error) {
	conf, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL database: %w", err)
	}
	if conf.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		// Values would be put into the text of statements.
		return nil, errors.New("PostgreSQL database: the simple protocol is refused (default_query_exec_mode in the URL)")
	}
	parsed, err := pgx.ParseConfig(o.URL)
	if err == nil && parsed.RuntimeParams["pool_max_conns"] == "" {
		conf.MaxConns = defaultMaxConns
	}
	if o.MaxConns > 0 {
		conf.MaxConns = int32(min(o.MaxConns, 1<<20))
	}
	if conf.ConnConfig.ConnectTimeout == 0 {
		conf.ConnConfig.ConnectTimeout = acquireTimeout(o)
	}
	conf.PingTimeout = acquireTimeout(o)
	for name, value := range map[string]string{
		"application_name": "latchkey", "idle_in_transaction_session_timeout": idleTimeout,
	} {
		if conf.ConnConfig.RuntimeParams[name] == "" {
			conf.ConnConfig.RuntimeParams[name] = value
		}
	}
	return conf, nil
}

// prepare checks what database it is and migrates where asked to.
func (db *DB) prepare(ctx context.Context, migrate bool) error {
	var encoding string
	err := db.read(ctx, func(s *session) error {
		return s.one(ctx, "SELECT current_setting('server_encoding')", nil, &encoding)
	})
	if err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("its encoding is %s, not UTF8", encoding)
	}
	current, newest, err := db.versions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("it has schema version %d, this program knows up to %d: use a newer Latchkey", current, newest)
	}
	if migrate {
		_, err = db.Migrate(ctx)
	}
	return err
}

// Ping tells whether the database answers and takes changes.
func (db *DB) Ping(ctx context.Context) error {
	var readOnly string
	err := db.read(ctx, func(s *session) error {
		return s.one(ctx, "SELECT current_setting('transaction_read_only')", nil, &readOnly)
	})
	if err != nil || readOnly == "off" {
		return err
	}
	// The server was demoted. The next connections look for the one that took over.
	db.pool.Reset()
	return fmt.Errorf("%w: it is read-only", ErrUnavailable)
}

// Close waits for what is running and closes all connections.
func (db *DB) Close() error {
	db.pool.Close()
	return nil
}
