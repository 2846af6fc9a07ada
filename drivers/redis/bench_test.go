package redis_test

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"github.com/latchkey-id/latchkey/drivers/redis"
	"github.com/latchkey-id/latchkey/sessions"
)

// BenchmarkEphemeral measures one call in each mode, for items with an owner (which ask twice) and without.
func BenchmarkEphemeral(b *testing.B) {
	for mode, start := range modes() {
		b.Run(mode, func(b *testing.B) {
			e := open(b, redis.Options{URL: start(b)}).Tenant("a").Ephemeral()
			var count atomic.Uint64
			for _, owner := range []string{"", "auth0|1"} {
				name := "unowned"
				if owner != "" {
					name = "owned"
				}
				b.Run(name, func(b *testing.B) { benchmarkItems(b, e, &count, owner) })
			}
		})
	}
}

// benchmarkItems never stores an item twice: count is how many there were.
func benchmarkItems(b *testing.B, e sessions.Ephemeral, count *atomic.Uint64, owner string) {
	item := func() sessions.Item {
		item := code(0, owner)
		binary.BigEndian.PutUint64(item.Key[8:], count.Add(1))
		item.Value = make([]byte, 512)
		return item
	}
	parallel := func(b *testing.B, do func() error) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.Run("insert", func(b *testing.B) {
		parallel(b, func() error { return e.Insert(b.Context(), item()) })
	})
	b.Run("get", func(b *testing.B) {
		stored := item()
		ok(b, e.Insert(b.Context(), stored))
		parallel(b, func() error {
			_, err := e.Get(b.Context(), stored.Kind, stored.Key)
			return err
		})
	})
	b.Run("replace", func(b *testing.B) {
		stored := item()
		ok(b, e.Insert(b.Context(), stored))
		parallel(b, func() error { return e.Replace(b.Context(), stored) })
	})
	b.Run("insert and take", func(b *testing.B) {
		parallel(b, func() error {
			item := item()
			if err := e.Insert(b.Context(), item); err != nil {
				return err
			}
			_, err := e.Take(b.Context(), item.Kind, item.Key)
			return err
		})
	})
}
