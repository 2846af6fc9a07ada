package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
)

func benchTenant(b *testing.B) *sqlite.Tenant {
	return open(b, filepath.Join(b.TempDir(), "x.db"), time.Now).Tenant("a")
}

// BenchmarkUser shows that reads cost the same among many people.
func BenchmarkUser(b *testing.B) {
	for _, people := range []int{1000, 50000} {
		store := benchTenant(b).Users()
		many(b, store, people)
		n := 0
		next := func() string { n = (n + 7919) % people; return fmt.Sprint(n) }
		for name, read := range map[string]func() error{
			"Get": func() error { _, err := store.Get(b.Context(), "auth0|"+next()); return err },
			"ByIdentity": func() error {
				_, err := store.ByIdentity(b.Context(), profilestore.Key{Connection: "db", Subject: next()})
				return err
			},
			"ByLogin": func() error { _, err := store.ByLogin(b.Context(), "db", next()+"@example.com"); return err },
			"ByEmail": func() error { _, err := store.ByEmail(b.Context(), next()+"@example.com"); return err },
			"Login": func() error {
				return store.Write(b.Context(), func(tx profilestore.Tx) error {
					u, err := tx.ByIdentity(b.Context(), profilestore.Key{Connection: "db", Subject: next()})
					if err != nil {
						return err
					}
					u.LoginsCount++
					return tx.Put(b.Context(), u)
				})
			},
			"FirstPage": func() error { _, err := store.Search(b.Context(), profilestore.Query{Limit: 50}); return err },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, people), func(b *testing.B) {
				for b.Loop() {
					if err := read(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkEphemeral(b *testing.B) {
	store := benchTenant(b).Ephemeral()
	item := sessions.Item{Kind: sessions.KindCode, Owner: "auth0|1", Value: make([]byte, 400), ExpiresAt: time.Now().Add(time.Hour)}
	n := uint64(0)
	for b.Loop() {
		n++
		binary.BigEndian.PutUint64(item.Key[:], n*0x9E3779B97F4A7C15)
		if err := store.Insert(b.Context(), item); err != nil {
			b.Fatal(err)
		}
		if _, err := store.Take(b.Context(), item.Kind, item.Key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGrants(b *testing.B) {
	store := benchTenant(b).Grants()
	n := uint64(0)
	token := func(grant string) *sessions.RefreshToken {
		n++
		t := &sessions.RefreshToken{GrantID: grant, Generation: int(n), IssuedAt: time.Now()}
		binary.BigEndian.PutUint64(t.Hash[:], n*0x9E3779B97F4A7C15)
		return t
	}
	b.Run("Create", func(b *testing.B) {
		for b.Loop() {
			grant := sessions.Grant{ID: fmt.Sprint("create", n), UserID: "auth0|1", ClientID: "c", ExpiresAt: time.Now().Add(time.Hour)}
			if err := store.CreateGrant(b.Context(), grant, token(grant.ID)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Rotate", func(b *testing.B) {
		head := token("g")
		if err := store.CreateGrant(b.Context(), sessions.Grant{ID: fmt.Sprint("g", n)}, head); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			next := token("g")
			err := store.ExchangeRefresh(b.Context(), head.Hash, func(sessions.Family) (sessions.Exchange, error) {
				return sessions.Exchange{Next: next}, nil
			})
			if err != nil {
				b.Fatal(err)
			}
			head = next
		}
	})
}
