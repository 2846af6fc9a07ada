package observe

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// settings is a watched tenant.Store.
type settings struct {
	store                  tenant.Store
	load, revision, update *point
}

// Tenant returns the store, watched.
func (c *Calls) Tenant(store tenant.Store) tenant.Store {
	at := c.points("tenant")
	return &settings{store: store, load: at("load"), revision: at("revision"), update: at("update")}
}

func (s *settings) Load(ctx context.Context) (*tenant.Config, error) {
	ctx, call := s.load.begin(ctx)
	c, err := s.store.Load(ctx)
	return c, call.end(err)
}

func (s *settings) Revision(ctx context.Context) (int64, error) {
	ctx, call := s.revision.begin(ctx)
	n, err := s.store.Revision(ctx)
	return n, call.end(err)
}

func (s *settings) Update(ctx context.Context, change func(*tenant.Config) error) (*tenant.Config, error) {
	ctx, call := s.update.begin(ctx)
	c, err := s.store.Update(ctx, func(c *tenant.Config) error { return call.decided(change(c)) })
	return c, call.end(err)
}

// keys is a watched tokens.KeyStore.
type keys struct {
	store        tokens.KeyStore
	list, update *point
}

// Keys returns the store, watched.
func (c *Calls) Keys(store tokens.KeyStore) tokens.KeyStore {
	at := c.points("keys")
	return &keys{store: store, list: at("keys"), update: at("update_keys")}
}

func (s *keys) Keys(ctx context.Context) ([]tokens.StoredKey, error) {
	ctx, call := s.list.begin(ctx)
	list, err := s.store.Keys(ctx)
	return list, call.end(err)
}

func (s *keys) UpdateKeys(ctx context.Context, change func([]tokens.StoredKey) ([]tokens.StoredKey, error)) error {
	ctx, call := s.update.begin(ctx)
	return call.end(s.store.UpdateKeys(ctx, func(present []tokens.StoredKey) ([]tokens.StoredKey, error) {
		next, err := change(present)
		return next, call.decided(err)
	}))
}

// events is a watched audit.Store.
type events struct {
	store                   audit.Store
	add, list, deleteBefore *point
}

// Audit returns the store, watched.
func (c *Calls) Audit(store audit.Store) audit.Store {
	at := c.points("audit")
	return &events{store: store, add: at("append"), list: at("list"), deleteBefore: at("delete_before")}
}

func (s *events) Append(ctx context.Context, list []audit.Event) error {
	ctx, call := s.add.begin(ctx)
	return call.end(s.store.Append(ctx, list))
}

func (s *events) List(ctx context.Context, after string, limit int) ([]audit.Event, error) {
	ctx, call := s.list.begin(ctx)
	list, err := s.store.List(ctx, after, limit)
	return list, call.end(err)
}

func (s *events) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	ctx, call := s.deleteBefore.begin(ctx)
	deleted, err := s.store.DeleteBefore(ctx, t, limit)
	return deleted, call.end(err)
}
