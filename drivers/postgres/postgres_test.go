package postgres_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	events "github.com/latchkey-id/latchkey/audit/storetest"
	"github.com/latchkey-id/latchkey/drivers/postgres"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/internal/testservices"
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

func options(t testing.TB, url string) postgres.Options {
	return postgres.Options{URL: url, Ring: testRing(t, 1), Now: time.Now, Migrate: true}
}

// open is a node over the database.
func open(t testing.TB, o postgres.Options) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), o)
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

// TestStores runs every conformance suite, each test with two tenants of its own in one database: what others left there
// must not show.
func TestStores(t *testing.T) {
	o := options(t, testservices.Postgres(t))
	open(t, o)
	o.Migrate = false
	n := 0
	tenants := func(t *testing.T, now func() time.Time) (*postgres.Tenant, *postgres.Tenant) {
		o := o
		o.Now = now
		db := open(t, o)
		n++
		return db.Tenant(fmt.Sprint("a", n)), db.Tenant(fmt.Sprint("\x00b", n))
	}
	t.Run("users", func(t *testing.T) { users.Run(t, pair(tenants, (*postgres.Tenant).Users)) })
	t.Run("config", func(t *testing.T) { configs.Run(t, pair(tenants, (*postgres.Tenant).Config)) })
	t.Run("keys", func(t *testing.T) { keys.Run(t, pair(tenants, (*postgres.Tenant).Keys)) })
	t.Run("events", func(t *testing.T) { events.Run(t, pair(tenants, (*postgres.Tenant).Audit)) })
	t.Run("grants", func(t *testing.T) {
		stores := func(t *postgres.Tenant) grants.Stores {
			return grants.Stores{Ephemeral: t.Ephemeral(), Grants: t.Grants(), Purger: t.Purger()}
		}
		grants.Run(t, func(t *testing.T, now func() time.Time) (grants.Stores, grants.Stores) {
			a, b := tenants(t, now)
			return stores(a), stores(b)
		})
	})
}

// pair opens one kind of store for two tenants.
func pair[S any](
	tenants func(*testing.T, func() time.Time) (*postgres.Tenant, *postgres.Tenant), store func(*postgres.Tenant) S,
) func(t *testing.T) (S, S) {
	return func(t *testing.T) (S, S) {
		a, b := tenants(t, time.Now)
		return store(a), store(b)
	}
}
