package tenant

import (
	"context"
	"errors"
)

// Store keeps the configuration of the one tenant it was made for. Clients, connections and resource servers hold
// secrets, so drivers seal their documents at rest.
type Store interface {
	// Load returns the whole configuration, indexed.
	Load(ctx context.Context) (*Config, error)
	// Revision returns the present Config.Revision cheaply, for caches.
	Revision(ctx context.Context) (int64, error)
	// Update gives change a copy of the configuration inside a transaction and stores what it left, under a higher
	// revision where something differs. change may run again and has no other effects. It returns the new state.
	Update(ctx context.Context, change func(*Config) error) (*Config, error)
}

// ErrNotFound: the named thing is not configured.
var ErrNotFound = errors.New("not configured")
