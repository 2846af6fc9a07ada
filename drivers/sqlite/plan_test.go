package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// byTenantAlone is a step that reads all rows of a tenant.
var byTenantAlone = regexp.MustCompile(`SCAN|\(tenant=\?\)`)

// TestEveryStatementIsDecidedByMoreThanTheTenant looks at SQLite's plan of each statement that the stores keep, so that no
// read or write gets slower because the tenant has more people.
func TestEveryStatementIsDecidedByMoreThanTheTenant(t *testing.T) {
	ring, err := seal.NewRing(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "x.db"), Ring: ring, Now: time.Now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	useAll(t, db.Tenant("a"))
	texts := slices.Collect(maps.Keys(db.readers.stmts))
	texts = append(texts, slices.Collect(maps.Keys(db.writer.session.stmts))...)
	if len(texts) < 40 {
		t.Fatalf("only %d statements were seen", len(texts))
	}
	for _, text := range texts {
		if !strings.Contains(text, "?") || strings.Contains(text, "config") || strings.Contains(text, "signing_keys") {
			continue // configuration and keys are few and read as a whole
		}
		args := make([]any, strings.Count(text, "?"))
		err := db.writer.alone(t.Context(), func(s *session) error {
			rows, err := s.query(t.Context(), "EXPLAIN QUERY PLAN "+text, args)
			return drain(rows, err, func(rows *sql.Rows) error {
				var id, parent, unused int
				var step string
				err := rows.Scan(&id, &parent, &unused, &step)
				if byTenantAlone.MatchString(step) && step != "SCAN CONSTANT ROW" {
					t.Errorf("%s\n  for %s", step, text)
				}
				return err
			})
		})
		if err != nil {
			t.Errorf("%v for %s", err, text)
		}
	}
}

// useAll calls every method of every store.
func useAll(t *testing.T, store *Tenant) {
	ctx, now := t.Context(), time.Now()
	u := &profilestore.User{ID: "auth0|1", Root: map[string]any{"email": "x@example.com"}, Identities: []profilestore.Identity{
		{Connection: "db", Provider: "auth0", UserID: "1"},
	}}
	item := sessions.Item{Kind: sessions.KindCode, Owner: "auth0|1", ExpiresAt: now.Add(time.Hour)}
	first := &sessions.RefreshToken{Hash: [32]byte{1}}
	next := &sessions.RefreshToken{Hash: [32]byte{2}, IssuedAt: now}
	for i, use := range []func() error{
		func() error {
			return store.Users().Write(ctx, func(tx profilestore.Tx) error { return tx.Put(ctx, u) })
		},
		func() error {
			u.Identities[0].Provider, u.Root["email"] = "email", "y@example.com"
			return store.Users().Write(ctx, func(tx profilestore.Tx) error { return tx.Put(ctx, u) })
		},
		func() error { _, err := store.Users().Get(ctx, "auth0|1"); return err },
		func() error {
			_, err := store.Users().ByIdentity(ctx, profilestore.Key{Connection: "db", Subject: "1"})
			return err
		},
		func() error { _, err := store.Users().ByLogin(ctx, "db", "y@example.com"); return err },
		func() error { _, err := store.Users().ByEmail(ctx, "y@example.com"); return err },
		func() error {
			return store.Users().Write(ctx, func(tx profilestore.Tx) error { return tx.Delete(ctx, "auth0|1") })
		},
		func() error { return store.Ephemeral().Insert(ctx, item) },
		func() error { return store.Ephemeral().Replace(ctx, item) },
		func() error { _, err := store.Ephemeral().Get(ctx, item.Kind, item.Key); return err },
		func() error { _, err := store.Ephemeral().Take(ctx, item.Kind, item.Key); return err },
		func() error { return store.Ephemeral().DeleteOwned(ctx, item.Kind, item.Owner) },
		func() error { return store.Ephemeral().Insert(ctx, item) },
		func() error { return store.Ephemeral().Delete(ctx, item.Kind, item.Key) },
		func() error { return store.Grants().CreateGrant(ctx, sessions.Grant{ID: "g", UserID: "u"}, first) },
		func() error { _, err := store.Grants().GetGrant(ctx, "g"); return err },
		func() error { _, err := store.Grants().FindRefresh(ctx, first.Hash); return err },
		func() error {
			return store.Grants().ExchangeRefresh(ctx, first.Hash, func(sessions.Family) (sessions.Exchange, error) {
				return sessions.Exchange{Next: next, Touch: first, Claims: &sessions.Claims{}}, nil
			})
		},
		func() error { return store.Grants().RevokeGrant(ctx, "g", now) },
		func() error { _, err := store.Grants().RevokeGrantsOf(ctx, "u", ""); return err },
		func() error { _, err := store.Grants().RevokeGrantsOf(ctx, "", "c"); return err },
		func() error { _, err := store.Grants().RevokeGrantsOf(ctx, "u", "c"); return err },
		func() error { _, err := store.Purger().Purge(ctx, now, 100); return err },
		func() error { return store.Audit().Append(ctx, []audit.Event{{ID: "1"}}) },
		func() error { _, err := store.Audit().List(ctx, "", 10); return err },
		func() error { _, err := store.Audit().DeleteBefore(ctx, now, 10); return err },
		func() error { _, err := store.Config().Revision(ctx); return err },
		func() error {
			_, err := store.Config().Update(ctx, func(c *tenant.Config) error { c.Settings.FriendlyName = "x"; return nil })
			return err
		},
		func() error {
			return store.Keys().UpdateKeys(ctx, func(k []tokens.StoredKey) ([]tokens.StoredKey, error) { return k, nil })
		},
	} {
		if err := use(); err != nil {
			t.Fatalf("use %d: %v", i, err)
		}
	}
}

// TestSearchesUseTheirIndex covers the fields that are found without looking at every person.
func TestSearchesUseTheirIndex(t *testing.T) {
	ring, err := seal.NewRing(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Options{Path: InMemory, Ring: ring, Now: time.Now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, field := range []string{
		"user_id", "email", "username", "phone_number", "identities.connection", "identities.provider", "identities.user_id",
	} {
		where, err := users{db.Tenant("a")}.where(profilestore.Query{Terms: []profilestore.Term{{Field: field, Value: "x"}}})
		if err != nil {
			t.Fatal(err)
		}
		order, err := orderBy(profilestore.Query{})
		if err != nil {
			t.Fatal(err)
		}
		err = db.read(context.Background(), func(on statements) error {
			text := "EXPLAIN QUERY PLAN SELECT u.doc FROM users AS u WHERE " + strings.Join(where.sql, " AND ") + order + " LIMIT 50"
			rows, err := on.query(t.Context(), text, where.args)
			return drain(rows, err, func(rows *sql.Rows) error {
				var id, parent, unused int
				var step string
				err := rows.Scan(&id, &parent, &unused, &step)
				if byTenantAlone.MatchString(step) {
					t.Errorf("%s: %s", field, step)
				}
				return err
			})
		})
		if err != nil {
			t.Error(err)
		}
	}
}
