package connectors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/tenant"
)

// Deps is what connectors are made with. All fields are needed; Accounts and Hasher are used by databases only.
type Deps struct {
	Outside  Outside
	Hasher   *passwords.Hasher
	Accounts Accounts
	Log      *slog.Logger
}

// Accounts is where databases find their people.
type Accounts interface {
	// Find returns the account at the connection (by name) with this e-mail address or user name, in lower case. Error
	// ErrNoAccount where there is none.
	Find(ctx context.Context, connection, identifier string) (Account, error)
	// Rehash replaces a password hash by one of the same password, unless it is no longer oldHash.
	Rehash(ctx context.Context, connection, subject, oldHash, newHash string) error
}

// Account is a person of a database.
type Account struct {
	Subject      string
	PasswordHash string         // PHC string or bcrypt; "" for people without a password
	Profile      map[string]any // root attributes
}

// ErrNoAccount: the database has nobody of that name.
var ErrNoAccount = errors.New("no such account")

// ErrStrategy: no connector exists for the connection's strategy.
var ErrStrategy = errors.New("strategy is not supported")

type openFunc func(*tenant.Connection, Deps) (any, error)

// strategies lists every connector there is. To add one: write its file, name it here.
func strategies() map[string]openFunc {
	return map[string]openFunc{
		tenant.StrategyDatabase: openDatabase,
		"github":                openGitHub,
		"google-oauth2":         openGoogle,
		"oidc":                  openOIDC,
	}
}

// Strategies names the strategies that Open knows, sorted.
func Strategies() []string { return slices.Sorted(maps.Keys(strategies())) }

// Open returns the connector of a connection, to be asked for [Redirect], [Password] or [Registrar]. It calls nobody.
// Errors: ErrStrategy, and what is wrong with the connection's options.
func Open(conn *tenant.Connection, deps Deps) (any, error) {
	open, ok := strategies()[conn.Strategy]
	if !ok {
		return nil, fmt.Errorf("connection %q: %w: %q", conn.Name, ErrStrategy, conn.Strategy)
	}
	return open(conn, deps)
}

// maxOpen is how many connectors a Registry keeps. What one loses by being dropped is a few fetched documents.
const maxOpen = 1000

// Registry keeps connectors open between logins, so that discovery documents and signing keys are fetched once and not per
// login. It is safe for concurrent use.
type Registry struct {
	deps Deps
	mu   sync.Mutex
	open map[string]opened // by connection id
}

type opened struct {
	conn      *tenant.Connection
	connector any
}

// NewRegistry returns an empty Registry.
func NewRegistry(deps Deps) *Registry { return &Registry{deps: deps, open: map[string]opened{}} }

// Get returns the connector of a connection: the one that is open where the connection is still configured alike, else a
// new one. Errors as [Open].
func (r *Registry) Get(conn *tenant.Connection) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o, ok := r.open[conn.ID]; ok && (o.conn == conn || reflect.DeepEqual(o.conn, conn)) {
		return o.connector, nil
	}
	connector, err := Open(conn, r.deps)
	if err != nil {
		return nil, err
	}
	if _, ok := r.open[conn.ID]; !ok && len(r.open) >= maxOpen {
		for id := range r.open {
			delete(r.open, id)
			break
		}
	}
	r.open[conn.ID] = opened{conn: conn, connector: connector}
	return connector, nil
}
