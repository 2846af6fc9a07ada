package sqlite_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	events "github.com/latchkey-id/latchkey/audit/storetest"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	users "github.com/latchkey-id/latchkey/profilestore/storetest"
	grants "github.com/latchkey-id/latchkey/sessions/storetest"
	configs "github.com/latchkey-id/latchkey/tenant/storetest"
	keys "github.com/latchkey-id/latchkey/tokens/storetest"
)

func testRing(t testing.TB, fill byte) *seal.Ring {
	ring, err := seal.NewRing(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func open(t testing.TB, path string, now func() time.Time) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Ring: testRing(t, 1), Now: now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestStores runs every conformance suite on a file and in memory.
func TestStores(t *testing.T) {
	for name, path := range map[string]func(t *testing.T) string{
		"file":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "data #1?%.db") },
		"memory": func(*testing.T) string { return sqlite.InMemory },
	} {
		tenants := func(t *testing.T, now func() time.Time) (*sqlite.Tenant, *sqlite.Tenant) {
			db := open(t, path(t), now)
			return db.Tenant("a"), db.Tenant("b")
		}
		t.Run(name+"/users", func(t *testing.T) { users.Run(t, pair(tenants, (*sqlite.Tenant).Users)) })
		t.Run(name+"/config", func(t *testing.T) { configs.Run(t, pair(tenants, (*sqlite.Tenant).Config)) })
		t.Run(name+"/keys", func(t *testing.T) { keys.Run(t, pair(tenants, (*sqlite.Tenant).Keys)) })
		t.Run(name+"/events", func(t *testing.T) { events.Run(t, pair(tenants, (*sqlite.Tenant).Audit)) })
		t.Run(name+"/grants", func(t *testing.T) {
			stores := func(t *sqlite.Tenant) grants.Stores {
				return grants.Stores{Ephemeral: t.Ephemeral(), Grants: t.Grants(), Purger: t.Purger()}
			}
			grants.Run(t, func(t *testing.T, now func() time.Time) (grants.Stores, grants.Stores) {
				a, b := tenants(t, now)
				return stores(a), stores(b)
			})
		})
	}
}

// pair opens one kind of store for two tenants.
func pair[S any](
	tenants func(*testing.T, func() time.Time) (*sqlite.Tenant, *sqlite.Tenant), store func(*sqlite.Tenant) S,
) func(t *testing.T) (S, S) {
	return func(t *testing.T) (S, S) {
		a, b := tenants(t, time.Now)
		return store(a), store(b)
	}
}
