package redis_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/drivers/redis"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/sessions/storetest"
)

// The client library tells about every lost connection, of which there are many here.
func TestMain(m *testing.M) {
	redis.LogTo(slog.New(slog.DiscardHandler))
	m.Run()
}

// modes are the ways to run Redis.
func modes() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"server":  testservices.Redis,
		"cluster": testservices.RedisCluster,
		"sentinel": func(t testing.TB) string {
			url, _ := testservices.RedisSentinel(t)
			return url
		},
	}
}

func open(t testing.TB, o redis.Options) *redis.DB {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	db, err := redis.Open(t.Context(), o)
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

// TestStores runs the conformance suite on each mode. Each of its tests gets tenants of its own, as in an empty database.
func TestStores(t *testing.T) {
	for name, start := range modes() {
		t.Run(name, func(t *testing.T) {
			url := start(t)
			storetest.RunEphemeral(t, func(t *testing.T, now func() time.Time) (a, b sessions.Ephemeral) {
				db := open(t, redis.Options{URL: url, Now: now})
				return db.Tenant(t.Name()).Ephemeral(), db.Tenant(t.Name() + "{b}").Ephemeral()
			})
		})
	}
}
