package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/latchkey-id/latchkey/sessions"
)

const (
	defaultDialTimeout = 2 * time.Second
	defaultTimeout     = time.Second
	idleTime           = 5 * time.Minute // after which a connection is closed, before firewalls forget it
	retries            = 1               // of a question that got no answer or found the server not ready
	redirects          = 3               // of a question to a Cluster, repetitions included
)

// Options say which servers to use and how patiently.
type Options struct {
	// URL is one of
	//
	//	redis://[USER:PASSWORD@]HOST[:6379][/DB]
	//	redis+sentinel://[USER:PASSWORD@]HOST[:26379],…/MASTER[/DB][?sentinel_username=…&sentinel_password=…]
	//	redis+cluster://[USER:PASSWORD@]HOST[:6379],…
	//
	// or the same with rediss, which is TLS to every server. USER may be empty; both are percent-encoded. Sentinels are
	// given the servers' user and password unless they have their own.
	URL string
	// Now is the clock that items expire by.
	Now func() time.Time
	// DialTimeout bounds making a connection. Zero: 2 seconds.
	DialTimeout time.Duration
	// Timeout bounds each of: waiting for a free connection, sending a question, getting its answer. Zero: 1 second.
	Timeout time.Duration
	// PoolSize is the most connections to one server. Zero: 10 for each processor.
	PoolSize int
	// RootCAs are whom the servers' certificates must come from. Nil: the system's.
	RootCAs *x509.CertPool
}

// DB is a connection to the servers. It is safe for concurrent use, and recovers by itself when servers come back.
type DB struct {
	client  goredis.UniversalClient
	scripts scripts
	now     func() time.Time
}

// Open connects to the servers and makes sure that they answer; ErrUnavailable where they don't. Its errors never contain
// the URL, which may hold a password.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Now == nil {
		return nil, errors.New("a Redis store needs a clock")
	}
	if o.DialTimeout < 0 || o.Timeout < 0 || o.PoolSize < 0 {
		return nil, errors.New("timeouts and pool size of a Redis store can't be negative")
	}
	addr, err := parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("address of Redis: %w", err)
	}
	db := &DB{client: goredis.NewUniversalClient(universal(o, addr)), scripts: newScripts(), now: o.Now}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.client.Close())
	}
	return db, nil
}

func universal(o Options, a address) *goredis.UniversalOptions {
	timeout := orDefault(o.Timeout, defaultTimeout)
	u := &goredis.UniversalOptions{
		Addrs: a.hosts, DB: a.db, MasterName: a.master, IsClusterMode: a.cluster,
		Username: a.username, Password: a.password,
		SentinelUsername: a.sentinelUsername, SentinelPassword: a.sentinelPassword,
		ClientName: "latchkey", DisableIdentity: true,
		Protocol: 2, // nothing of the newer one is used, and reading it looks for pushed messages each time

		DialTimeout: orDefault(o.DialTimeout, defaultDialTimeout), DialerRetries: 1,
		ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout, ContextTimeoutEnabled: true,
		PoolSize: o.PoolSize, ConnMaxIdleTime: idleTime,
		MaxRetries: retries, MinRetryBackoff: 8 * time.Millisecond, MaxRetryBackoff: 128 * time.Millisecond,
		MaxRedirects: redirects, FailingTimeoutSeconds: 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if a.cluster {
		u.MaxRetries = -1 // redirects count them
	}
	if a.tls {
		u.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs}
	}
	return u
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Ping tells whether the servers answer. In a Cluster it is one of them that does.
func (db *DB) Ping(ctx context.Context) error { return classify(db.client.Ping(ctx).Err()) }

// Close closes all connections.
func (db *DB) Close() error { return db.client.Close() }

// LogTo sends what the client library says about lost connections and changed masters to the log, at debug level: what
// matters of it comes back as errors. The library has one place for it in the whole process, which is standard error until
// this is called.
func LogTo(log *slog.Logger) { goredis.SetLogger(clientLog{log}) }

type clientLog struct{ log *slog.Logger }

func (l clientLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis client", "message", fmt.Sprintf(format, v...))
}

// Tenant gives the stores of one tenant. None of them sees another tenant's keys.
type Tenant struct {
	db   *DB
	name string
}

// Tenant binds stores to the tenant of this name. It needs no preparation: a tenant exists by what is stored for it.
func (db *DB) Tenant(name string) *Tenant { return &Tenant{db: db, name: name} }

// Ephemeral returns the store of log-ins on their way, sessions and codes.
func (t *Tenant) Ephemeral() sessions.Ephemeral { return ephemeral{t} }
