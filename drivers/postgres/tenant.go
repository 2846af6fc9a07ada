package postgres

import (
	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// Tenant gives the stores of one tenant. None of them sees another tenant's rows.
type Tenant struct {
	db   *DB
	name string // as it was given; sealed values are bound to it
	key  string // as a column
}

// Tenant binds stores to the tenant of this name. It needs no preparation: a tenant exists by what is stored for it.
func (db *DB) Tenant(name string) *Tenant { return &Tenant{db: db, name: name, key: column(name)} }

// Users returns the store of people.
func (t *Tenant) Users() profilestore.Store { return users{t} }

// Ephemeral returns the store of log-ins on their way, sessions and codes.
func (t *Tenant) Ephemeral() sessions.Ephemeral { return ephemeral{t} }

// Grants returns the store of grants and refresh tokens.
func (t *Tenant) Grants() sessions.Grants { return grants{t} }

// Purger returns what removes the expired rest of Ephemeral and Grants.
func (t *Tenant) Purger() sessions.Purger { return purger{t} }

// Config returns the store of the configuration.
func (t *Tenant) Config() tenant.Store { return config{t} }

// Keys returns the store of signing keys.
func (t *Tenant) Keys() tokens.KeyStore { return keys{t} }

// Audit returns the store of the tenant log.
func (t *Tenant) Audit() audit.Store { return events{t} }
