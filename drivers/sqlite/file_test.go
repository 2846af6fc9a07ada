package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

const secret = "tOpSeCrEt-1234567890"

// furnish stores something in every sealed place and one person.
func furnish(t *testing.T, store *sqlite.Tenant) {
	t.Helper()
	_, err := store.Config().Update(t.Context(), func(cfg *tenant.Config) error {
		cfg.Settings.Flags = map[string]any{"x": "settings " + secret}
		cfg.Clients["c"] = &tenant.Client{ID: "c", Secret: "client " + secret}
		cfg.Connections["con"] = &tenant.Connection{ID: "con", Options: map[string]any{"client_secret": "connection " + secret}}
		cfg.ResourceServers["rs"] = &tenant.ResourceServer{ID: "rs", SigningSecret: "server " + secret}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Keys().UpdateKeys(t.Context(), func([]tokens.StoredKey) ([]tokens.StoredKey, error) {
		return []tokens.StoredKey{{ID: "k", Private: []byte("private " + secret)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Users().Write(t.Context(), func(tx profilestore.Tx) error {
		return tx.Put(t.Context(), &profilestore.User{ID: "auth0|1", Root: map[string]any{"name": "Readable Name"}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// furnished fails unless the store has what furnish stored.
func furnished(t *testing.T, store *sqlite.Tenant) {
	t.Helper()
	cfg, err := store.Config().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.Keys().Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Clients["c"].Secret != "client "+secret || len(keys) != 1 || string(keys[0].Private) != "private "+secret {
		t.Errorf("configuration or keys are not what was stored")
	}
	if _, err := store.Users().Get(t.Context(), "auth0|1"); err != nil {
		t.Error(err)
	}
}

func TestReopenedFileHasItsData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Ring: testRing(t, 1), Now: time.Now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	furnish(t, db.Tenant("a"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("closing left the log: %v", err)
	}
	furnished(t, open(t, path, time.Now).Tenant("a"))
}

// A process that is killed leaves the file and its log as they are.
func TestKilledProcessLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	furnish(t, open(t, path, time.Now).Tenant("a"))
	left := filepath.Join(t.TempDir(), "x.db")
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left+suffix, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	furnished(t, open(t, left, time.Now).Tenant("a"))
}

func TestSecretsAreNotReadableInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	furnish(t, open(t, path, time.Now).Tenant("a"))
	var raw []byte
	for _, suffix := range []string{"", "-wal"} {
		part, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, part...)
	}
	if bytes.Contains(raw, []byte(secret)) {
		t.Error("the file holds a secret in the clear")
	}
	if !bytes.Contains(raw, []byte("Readable Name")) {
		t.Error("the file doesn't hold what isn't sealed, so this test looks at the wrong bytes")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("file mode is %v", info.Mode())
	}
}

func TestWrongKeyIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	furnish(t, open(t, path, time.Now).Tenant("a"))
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Ring: testRing(t, 2), Now: time.Now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, loadErr := db.Tenant("a").Config().Load(t.Context())
	_, keysErr := db.Tenant("a").Keys().Keys(t.Context())
	_, updateErr := db.Tenant("a").Config().Update(t.Context(), func(*tenant.Config) error { return nil })
	for name, err := range map[string]error{"Load": loadErr, "Keys": keysErr, "Update": updateErr} {
		if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "encryption_key") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A person's profile isn't sealed.
	if _, err := db.Tenant("a").Users().Get(t.Context(), "auth0|1"); err != nil {
		t.Error(err)
	}
}

// A sealed value that was moved to another tenant does not open there.
func TestSealedValuesStayInTheirPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := open(t, path, time.Now)
	furnish(t, db.Tenant("a"))
	exec(t, path, "UPDATE config SET tenant = 'b'", "UPDATE config_revisions SET tenant = 'b'")
	if _, err := db.Tenant("b").Config().Load(t.Context()); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("Load: %v", err)
	}
}

func exec(t *testing.T, path string, statements ...string) {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, statement := range statements {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Processes that start at the same moment on a new file find one another's work done and fail nobody.
func TestManyOpenANewFileAtOnce(t *testing.T) {
	for range 5 {
		path, ring := filepath.Join(t.TempDir(), "x.db"), testRing(t, 1)
		var opening sync.WaitGroup
		for range 4 {
			opening.Go(func() {
				db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Ring: ring, Now: time.Now, Migrate: true})
				if err != nil {
					t.Error(err)
					return
				}
				current, err := db.SchemaCurrent(t.Context())
				if err := errors.Join(err, db.Close()); err != nil || !current {
					t.Errorf("schema is current: %v, %v", current, err)
				}
			})
		}
		opening.Wait()
	}
}

func TestMigrations(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "x.db"), sqlite.InMemory} {
		db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Ring: testRing(t, 1), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for i, want := range [][]string{{"00001_start.sql"}, nil} {
			current, err := db.SchemaCurrent(t.Context())
			if err != nil || current != (i > 0) {
				t.Errorf("%s: SchemaCurrent = %v, %v before migration %d", path, current, err, i+1)
			}
			applied, err := db.Migrate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, applied); diff != "" {
				t.Errorf("%s: applied (-want +got):\n%s", path, diff)
			}
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		furnish(t, db.Tenant("a"))
		furnished(t, db.Tenant("a"))
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(file("text"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	exec(t, file("foreign"), "CREATE TABLE t (x)")
	exec(t, file("marked"), "PRAGMA application_id = 7", "CREATE TABLE t (x)")
	open(t, file("newer"), time.Now)
	exec(t, file("newer"), "INSERT INTO latchkey_migrations (version_id, is_applied) VALUES (99999, 1)")
	options := func(path string) sqlite.Options {
		return sqlite.Options{Path: path, Ring: testRing(t, 1), Now: time.Now, Migrate: true}
	}
	noRing, noClock := options(sqlite.InMemory), options(sqlite.InMemory)
	noRing.Ring, noClock.Now = nil, nil
	for _, c := range []struct {
		name string
		o    sqlite.Options
		want string
	}{
		{"no directory", options(file("no/such/dir/x.db")), "can't be written"},
		{"a directory", options(dir), "can't be written"},
		{"no database", options(file("text")), "not a usable database"},
		{"another program's", options(file("foreign")), "another program"},
		{"another program's, marked", options(file("marked")), "another program"},
		{"newer", options(file("newer")), "newer Latchkey"},
		{"no path", options(""), "needs a path"},
		{"no key", noRing, "an encryption key"},
		{"no clock", noClock, "a clock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), c.o)
			if err == nil {
				db.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

// A context that ends within a long statement leaves no transaction and no half-done change, and the store goes on.
func TestDeadlineInterruptsAndLeavesNothingOpen(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "x.db"), sqlite.InMemory} {
		store := open(t, path, time.Now).Tenant("a").Users()
		many(t, store, 3000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := store.Search(ctx, profilestore.Query{
			Terms: []profilestore.Term{{Field: "app_metadata.x", Value: "y"}}, Sort: "last_ip", Limit: 1, Total: true,
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Search: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		err = store.Write(ctx, func(tx profilestore.Tx) error {
			for n := 0; ; n++ {
				u := &profilestore.User{ID: fmt.Sprint("late|", n)}
				if err := tx.Put(ctx, u); err != nil {
					return err
				}
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Write: %v", err)
		}
		if _, err := store.Get(t.Context(), "late|0"); !errors.Is(err, profilestore.ErrNotFound) {
			t.Errorf("a change that was interrupted is stored: %v", err)
		}
		many(t, store, 1)
	}
}

// A transaction that is kept beyond its function is of no use.
func TestTransactionEndsWithItsFunction(t *testing.T) {
	store := open(t, sqlite.InMemory, time.Now).Tenant("a").Users()
	var kept profilestore.Tx
	if err := store.Write(t.Context(), func(tx profilestore.Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := kept.Get(t.Context(), "x")
	for _, err := range []error{err, kept.Put(t.Context(), &profilestore.User{ID: "x"}), kept.Delete(t.Context(), "x")} {
		if err == nil || errors.Is(err, profilestore.ErrNotFound) {
			t.Errorf("error is %v", err)
		}
	}
}

// many stores users auth0|0 to auth0|n-1.
func many(t testing.TB, store profilestore.Store, n int) {
	t.Helper()
	err := store.Write(t.Context(), func(tx profilestore.Tx) error {
		for i := range n {
			email := fmt.Sprintf("%d@example.com", i)
			u := &profilestore.User{
				ID: fmt.Sprint("auth0|", i), Root: map[string]any{"email": email, "name": email},
				Identities: []profilestore.Identity{{Connection: "db", Provider: "auth0", UserID: fmt.Sprint(i)}},
				CreatedAt:  time.Unix(int64(i), 0).UTC(),
			}
			if err := tx.Put(t.Context(), u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
