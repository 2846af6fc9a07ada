package observe_test

import (
	"bytes"
	"testing"
	"time"

	events "github.com/latchkey-id/latchkey/audit/storetest"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/observe"
	users "github.com/latchkey-id/latchkey/profilestore/storetest"
	grants "github.com/latchkey-id/latchkey/sessions/storetest"
	configs "github.com/latchkey-id/latchkey/tenant/storetest"
	keys "github.com/latchkey-id/latchkey/tokens/storetest"
)

// A watched store is as good as the store itself.
func TestWatchedStoresKeepTheirPromises(t *testing.T) {
	calls := observe.NewCalls(observe.NewMetrics("v1"), nil, time.Now)
	tenants := func(t *testing.T, now func() time.Time) (*sqlite.Tenant, *sqlite.Tenant) {
		ring, err := seal.NewRing(bytes.Repeat([]byte{1}, seal.KeySize))
		if err != nil {
			t.Fatal(err)
		}
		db, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.InMemory, Ring: ring, Now: now, Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db.Tenant("a"), db.Tenant("b")
	}
	t.Run("users", func(t *testing.T) { users.Run(t, pair(tenants, (*sqlite.Tenant).Users, calls.Users)) })
	t.Run("config", func(t *testing.T) { configs.Run(t, pair(tenants, (*sqlite.Tenant).Config, calls.Tenant)) })
	t.Run("keys", func(t *testing.T) { keys.Run(t, pair(tenants, (*sqlite.Tenant).Keys, calls.Keys)) })
	t.Run("events", func(t *testing.T) { events.Run(t, pair(tenants, (*sqlite.Tenant).Audit, calls.Audit)) })
	t.Run("grants", func(t *testing.T) {
		stores := func(t *sqlite.Tenant) grants.Stores {
			return grants.Stores{Ephemeral: calls.Ephemeral(t.Ephemeral()), Grants: calls.Grants(t.Grants()), Purger: t.Purger()}
		}
		grants.Run(t, func(t *testing.T, now func() time.Time) (grants.Stores, grants.Stores) {
			a, b := tenants(t, now)
			return stores(a), stores(b)
		})
	})
}

// pair opens one kind of store for two tenants, watched.
func pair[S any](
	tenants func(*testing.T, func() time.Time) (*sqlite.Tenant, *sqlite.Tenant), store func(*sqlite.Tenant) S, watched func(S) S,
) func(t *testing.T) (S, S) {
	return func(t *testing.T) (S, S) {
		a, b := tenants(t, time.Now)
		return watched(store(a)), watched(store(b))
	}
}
