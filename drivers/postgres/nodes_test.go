package postgres_test

import (
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/drivers/postgres"
	"github.com/latchkey-id/latchkey/internal/faultproxy"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// nodes are two nodes over one database.
func nodes(t testing.TB) (one, two *postgres.DB, url string) {
	t.Helper()
	url = testservices.Postgres(t)
	return open(t, options(t, url)), open(t, options(t, url)), url
}

// admin runs statements on a connection that is none of a node's.
func admin(t testing.TB, url string, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// killAll ends all connections of nodes.
const killAll = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey' AND datname = current_database()"

// logIn does what a log-in does: look for the identity, make a user where there is none, count. id is the one of a new user.
func logIn(ctx context.Context, store profilestore.Store, id, subject string) error {
	return store.Write(ctx, func(tx profilestore.Tx) error {
		u, err := tx.ByIdentity(ctx, profilestore.Key{Connection: "google", Subject: subject})
		if errors.Is(err, profilestore.ErrNotFound) {
			u, err = &profilestore.User{
				ID: id, Root: map[string]any{"email": subject + "@example.com"}, CreatedAt: time.Unix(1, 0).UTC(),
				Identities: []profilestore.Identity{{Connection: "google", Provider: "google-oauth2", UserID: subject}},
			}, nil
		}
		if err != nil {
			return err
		}
		u.LoginsCount++
		return tx.Put(ctx, u)
	})
}

// 64 first log-ins of one person at once, at two nodes: one user who has logged in 64 times, and nobody sees an error. Ids
// of new users are the same where the provider's subject makes them, and differ where they are random.
func TestFirstLoginsAtTwoNodes(t *testing.T) {
	one, two, _ := nodes(t)
	for name, id := range map[string]func(n int) string{
		"same id":   func(int) string { return "google-oauth2|s" },
		"other ids": func(n int) string { return fmt.Sprint("auth0|", n) },
	} {
		var wait sync.WaitGroup
		for n := range 64 {
			store := []*postgres.DB{one, two}[n%2].Tenant(name).Users()
			wait.Go(func() {
				if err := logIn(t.Context(), store, id(n), "s"); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wait.Wait()
		page, err := two.Tenant(name).Users().Search(t.Context(), profilestore.Query{Limit: 10, Total: true})
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != 1 || len(page.Users) != 1 || page.Users[0].LoginsCount != 64 {
			t.Errorf("%s: %d users, want one with 64 log-ins: %+v", name, page.Total, page.Users)
		}
	}
}

// Sign-ups look whether the address is free and then take it: one gets it, the others hear that it is taken.
func TestSignUpsAtTwoNodes(t *testing.T) {
	one, two, _ := nodes(t)
	var wait sync.WaitGroup
	var made atomic.Int64
	for n := range 50 {
		store := []*postgres.DB{one, two}[n%2].Tenant("a").Users()
		email := []string{"x@example.com", "X@Example.com"}[n%2]
		wait.Go(func() {
			err := store.Write(t.Context(), func(tx profilestore.Tx) error {
				_, err := tx.ByLogin(t.Context(), "db", email)
				if err == nil {
					return profilestore.ErrEmailTaken
				}
				if !errors.Is(err, profilestore.ErrNotFound) {
					return err
				}
				return tx.Put(t.Context(), &profilestore.User{
					ID: fmt.Sprint("auth0|", n), Root: map[string]any{"email": email},
					Identities: []profilestore.Identity{{Connection: "db", Provider: "auth0", UserID: fmt.Sprint(n)}},
				})
			})
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, profilestore.ErrEmailTaken) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if made.Load() != 1 {
		t.Errorf("%d users were made, want 1", made.Load())
	}
}

// Two transactions that change the same two users crosswise deadlock. Both succeed, and no change is lost.
func TestDeadlocksAreNotSeen(t *testing.T) {
	one, two, _ := nodes(t)
	many(t, one.Tenant("a").Users(), 2)
	var wait, both sync.WaitGroup
	both.Add(2)
	for n, db := range []*postgres.DB{one, two} {
		wait.Go(func() {
			store, meet := db.Tenant("a").Users(), sync.OnceFunc(func() { both.Done(); both.Wait() })
			err := store.Write(t.Context(), func(tx profilestore.Tx) error {
				for _, id := range []int{n, 1 - n} {
					u, err := tx.Get(t.Context(), fmt.Sprint("auth0|", id))
					if err != nil {
						return err
					}
					u.LoginsCount++
					if err := tx.Put(t.Context(), u); err != nil {
						return err
					}
					meet() // only after both have locked their first user
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, id := range []string{"auth0|0", "auth0|1"} {
		u, err := one.Tenant("a").Users().Get(t.Context(), id)
		if err != nil || u.LoginsCount != 2 {
			t.Errorf("%s: %+v, %v; want 2 log-ins", id, u, err)
		}
	}
}

// Each of 16 families is refreshed at two nodes at once, again and again: no call fails, and each family has one head.
func TestRefreshesAtTwoNodes(t *testing.T) {
	one, two, _ := nodes(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	hash := func(family, n int) [32]byte { return [32]byte{byte(family), byte(n), byte(n >> 8)} }
	const families, rotations = 16, 8
	var wait sync.WaitGroup
	for f := range families {
		grant := sessions.Grant{ID: fmt.Sprint("g", f), UserID: "u", ClientID: "c"}
		first := &sessions.RefreshToken{Hash: hash(f, 0), GrantID: grant.ID, Generation: 1, IssuedAt: now}
		if err := one.Tenant("a").Grants().CreateGrant(t.Context(), grant, first); err != nil {
			t.Fatal(err)
		}
		for n, db := range []*postgres.DB{one, two} {
			wait.Go(func() {
				for r := range rotations {
					next := sessions.RefreshToken{Hash: hash(f, 1+n+2*r), IssuedAt: now}
					err := db.Tenant("a").Grants().ExchangeRefresh(t.Context(), hash(f, 0),
						func(family sessions.Family) (sessions.Exchange, error) {
							next.Generation = family.Current + 1
							return sessions.Exchange{Next: &next}, nil
						})
					if err != nil {
						t.Errorf("refresh: %v", err)
					}
				}
			})
		}
	}
	wait.Wait()
	for f := range families {
		heads := 0
		for n := range 2*rotations + 1 {
			family, err := two.Tenant("a").Grants().FindRefresh(t.Context(), hash(f, n))
			if err != nil {
				t.Fatal(err)
			}
			if family.Token.RetiredAt.IsZero() {
				heads++
			}
			if family.Current != 2*rotations+1 {
				t.Errorf("family %d is at generation %d, want %d", f, family.Current, 2*rotations+1)
			}
		}
		if heads != 1 {
			t.Errorf("family %d has %d heads", f, heads)
		}
	}
}

// A grant that is made and revoked at the same moment never stays: whoever replays a code ends what it made.
func TestRevokedWhileMade(t *testing.T) {
	one, two, _ := nodes(t)
	ends := time.Now().Add(time.Hour)
	for n := range 40 {
		id := fmt.Sprint("g", n)
		token := &sessions.RefreshToken{Hash: [32]byte{byte(n)}, IssuedAt: ends}
		var wait sync.WaitGroup
		wait.Go(func() {
			err := one.Tenant("a").Grants().CreateGrant(t.Context(), sessions.Grant{ID: id, UserID: "u", ExpiresAt: ends}, token)
			if err != nil && !errors.Is(err, sessions.ErrRevoked) {
				t.Errorf("CreateGrant: %v", err)
			}
		})
		wait.Go(func() {
			if err := two.Tenant("a").Grants().RevokeGrant(t.Context(), id, ends); err != nil {
				t.Errorf("RevokeGrant: %v", err)
			}
		})
		wait.Wait()
		if _, err := one.Tenant("a").Grants().GetGrant(t.Context(), id); !errors.Is(err, sessions.ErrRevoked) {
			t.Errorf("GetGrant: %v", err)
		}
		if _, err := one.Tenant("a").Grants().FindRefresh(t.Context(), token.Hash); !errors.Is(err, sessions.ErrNotFound) {
			t.Errorf("FindRefresh: %v", err)
		}
	}
}

// A connection that is killed inside a transaction costs nobody anything: the transaction runs again on another one.
func TestKilledInTheMiddle(t *testing.T) {
	db, _, url := nodes(t)
	store := db.Tenant("a").Users()
	many(t, store, 1)
	attempts := 0
	err := store.Write(t.Context(), func(tx profilestore.Tx) error {
		u, err := tx.Get(t.Context(), "auth0|0")
		if err != nil {
			return err
		}
		if attempts++; attempts == 1 {
			admin(t, url, killAll)
		}
		u.LoginsCount++
		return tx.Put(t.Context(), u)
	})
	if err != nil || attempts != 2 {
		t.Errorf("%v after %d attempts, want success after 2", err, attempts)
	}
	admin(t, url, killAll) // idle ones, too
	u, err := store.Get(t.Context(), "auth0|0")
	if err != nil || u.LoginsCount != 1 {
		t.Errorf("user is %+v, %v; want 1 log-in", u, err)
	}
}

// While connections are killed all the time callers see success or ErrUnavailable, and what was confirmed is stored.
func TestKilledAllTheTime(t *testing.T) {
	one, two, url := nodes(t)
	var wait sync.WaitGroup
	var confirmed, unknown atomic.Int64
	working := make(chan struct{})
	for n := range 8 {
		store := []*postgres.DB{one, two}[n%2].Tenant("a").Users()
		wait.Go(func() {
			for range 20 {
				err := logIn(t.Context(), store, "google-oauth2|s", "s")
				switch {
				case err == nil:
					confirmed.Add(1)
				case errors.Is(err, postgres.ErrUnavailable):
					unknown.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	go func() { wait.Wait(); close(working) }()
	kills := 0
	for over := false; !over; {
		select {
		case <-working:
			over = true
		default:
			admin(t, url, killAll)
			kills++
		}
	}
	u, err := one.Tenant("a").Users().ByIdentity(t.Context(), profilestore.Key{Connection: "google", Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	if u.LoginsCount < confirmed.Load() || u.LoginsCount > confirmed.Load()+unknown.Load() {
		t.Errorf("%d log-ins are stored, %d were confirmed and %d unknown", u.LoginsCount, confirmed.Load(), unknown.Load())
	}
	t.Logf("%d kills, %d confirmed, %d unavailable", kills, confirmed.Load(), unknown.Load())
}

// Nodes that start at once agree on who migrates.
func TestMigrationsAtOnce(t *testing.T) {
	o := options(t, testservices.Postgres(t))
	o.Migrate = false
	var wait sync.WaitGroup
	var applied atomic.Int64
	for range 4 {
		db := open(t, o)
		wait.Go(func() {
			names, err := db.Migrate(t.Context())
			if err != nil {
				t.Error(err)
			}
			applied.Add(int64(len(names)))
			if current, err := db.SchemaCurrent(t.Context()); err != nil || !current {
				t.Errorf("SchemaCurrent = %v, %v", current, err)
			}
		})
	}
	wait.Wait()
	if applied.Load() != 1 {
		t.Errorf("%d migrations were applied, want 1", applied.Load())
	}
}

// A node hears what another one changed, also after its connection was lost, and nothing of other tenants.
func TestWatch(t *testing.T) {
	one, two, url := nodes(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := make(chan string), make(chan error, 1)
	go func() {
		ended <- one.Tenant("a:b").Watch(ctx, func(what string) {
			select {
			case heard <- what:
			case <-ctx.Done():
			}
		})
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, want := range want {
			select {
			case got := <-heard:
				if got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("heard nothing, want %q", want)
			}
		}
	}
	name := 0
	rename := func(to string, db *postgres.DB) {
		name++
		_, err := db.Tenant(to).Config().Update(t.Context(), func(cfg *tenant.Config) error {
			cfg.Settings.FriendlyName = fmt.Sprint(name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(postgres.ChangedConfig, postgres.ChangedKeys) // connected
	rename("a:b", two)
	expect(postgres.ChangedConfig)
	rename("a", two)
	rename("b", two)
	for _, keys := range [][]tokens.StoredKey{{{ID: "k"}}, {{ID: "k"}}} { // the second time nothing changes
		err := two.Tenant("a:b").Keys().UpdateKeys(t.Context(), func([]tokens.StoredKey) ([]tokens.StoredKey, error) {
			return keys, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(postgres.ChangedKeys)
	rename("a:b", one)
	expect(postgres.ChangedConfig)
	admin(t, url, killAll)
	expect(postgres.ChangedConfig, postgres.ChangedKeys) // connected again
	rename("a:b", two)
	expect(postgres.ChangedConfig)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	url := testservices.Postgres(t)
	one := options(t, url)
	one.MaxConns, one.AcquireTimeout = 1, 2*time.Second
	db := open(t, one)
	many(t, db.Tenant("a").Users(), 1)

	t.Run("read-only", func(t *testing.T) {
		o := options(t, url+"&default_transaction_read_only=on")
		o.Migrate = false
		readOnly := open(t, o).Tenant("a")
		if _, err := readOnly.Users().Get(t.Context(), "auth0|0"); err != nil {
			t.Errorf("Get: %v", err)
		}
		if err := open(t, o).Ping(t.Context()); !errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Ping: %v", err)
		}
		err := readOnly.Ephemeral().Insert(t.Context(), sessions.Item{ExpiresAt: time.Now()})
		if !errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Insert: %v", err)
		}
		if err := logIn(t.Context(), readOnly.Users(), "x", "y"); !errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Write: %v", err)
		}
	})
	t.Run("pool exhausted", func(t *testing.T) {
		err := db.Tenant("a").Users().Write(t.Context(), func(profilestore.Tx) error {
			_, err := db.Tenant("a").Users().Get(t.Context(), "auth0|0")
			return err
		})
		if !errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Get: %v", err)
		}
		// A caller's own deadline is the caller's.
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err = db.Tenant("a").Users().Write(t.Context(), func(profilestore.Tx) error { return db.Ping(ctx) })
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Ping: %v", err)
		}
	})
	t.Run("slow statement", func(t *testing.T) {
		o := options(t, url+"&lock_timeout=50")
		o.Migrate = false
		impatient := open(t, o).Tenant("a").Users()
		err := db.Tenant("a").Users().Write(t.Context(), func(tx profilestore.Tx) error {
			if _, err := tx.Get(t.Context(), "auth0|0"); err != nil {
				return err
			}
			return impatient.Write(t.Context(), func(tx profilestore.Tx) error {
				_, err := tx.Get(t.Context(), "auth0|0")
				return err
			})
		})
		if !errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Get: %v", err)
		}
	})
	t.Run("a call that takes too long", func(t *testing.T) {
		o := options(t, url)
		o.Migrate, o.CallTimeout = false, 100*time.Millisecond
		impatient := open(t, o)
		err := db.Tenant("a").Users().Write(t.Context(), func(tx profilestore.Tx) error {
			if _, err := tx.Get(t.Context(), "auth0|0"); err != nil {
				return err
			}
			return impatient.Tenant("a").Users().Write(t.Context(), func(tx profilestore.Tx) error {
				_, err := tx.Get(t.Context(), "auth0|0")
				return err
			})
		})
		if !errors.Is(err, postgres.ErrUnavailable) {
			t.Errorf("Get: %v", err)
		}
	})
	t.Run("an answer that never comes", func(t *testing.T) {
		at, err := neturl.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		network := faultproxy.New(t, at.Host)
		at.Host = network.Addr
		o := options(t, at.String())
		o.Migrate, o.CallTimeout = false, 100*time.Millisecond
		far := open(t, o)
		network.Blackhole()
		for what, call := range map[string]func() error{
			"Get":   func() error { _, err := far.Tenant("a").Users().Get(t.Context(), "auth0|0"); return err },
			"Write": func() error { return logIn(t.Context(), far.Tenant("a").Users(), "x", "y") },
			"Ping":  func() error { return far.Ping(t.Context()) },
		} {
			if err := call(); !errors.Is(err, postgres.ErrUnavailable) {
				t.Errorf("%s: %v", what, err)
			}
		}
		network.Restore()
		for deadline := time.Now().Add(10 * time.Second); ; {
			err := far.Ping(t.Context())
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after the network came back: %v", err)
			}
		}
	})
	t.Run("gone", func(t *testing.T) {
		o := options(t, "postgres://latchkey:"+secret+"@127.0.0.1:1/x?sslmode=disable")
		_, err := postgres.Open(t.Context(), o)
		if !errors.Is(err, postgres.ErrUnavailable) || strings.Contains(err.Error(), secret) {
			t.Errorf("Open: %v", err)
		}
	})
}
