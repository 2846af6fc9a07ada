package postgres_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/drivers/postgres"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

const secret = "tOpSeCrEt-1234567890"

// furnish stores something in every sealed place and one person.
func furnish(t *testing.T, store *postgres.Tenant) {
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
	put(t, store, &profilestore.User{ID: "auth0|1", Root: map[string]any{"name": "Readable Name"}})
}

func put(t testing.TB, store *postgres.Tenant, u *profilestore.User) {
	t.Helper()
	if err := store.Users().Write(t.Context(), func(tx profilestore.Tx) error { return tx.Put(t.Context(), u) }); err != nil {
		t.Fatal(err)
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

// dump is everything in all tables as text.
func dump(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables are %v, %v", tables, err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "SELECT t::text FROM "+pgx.Identifier{table}.Sanitize()+" AS t")
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(strings.Join(texts, "\n"))
	}
	return all.String()
}

func TestSecretsAreNotReadableInTheDatabase(t *testing.T) {
	url := testservices.Postgres(t)
	furnish(t, open(t, options(t, url)).Tenant("a"))
	raw := dump(t, url)
	if strings.Contains(raw, secret) || strings.Contains(raw, hex.EncodeToString([]byte(secret))) {
		t.Error("the database holds a secret in the clear")
	}
	if !strings.Contains(raw, "Readable Name") {
		t.Error("the dump doesn't hold what isn't sealed, so this test looks at the wrong texts")
	}

	// Another key opens nothing, and says so.
	o := options(t, url)
	o.Ring = testRing(t, 2)
	other := open(t, o).Tenant("a")
	_, loadErr := other.Config().Load(t.Context())
	_, keysErr := other.Keys().Keys(t.Context())
	_, updateErr := other.Config().Update(t.Context(), func(*tenant.Config) error { return nil })
	for name, err := range map[string]error{"Load": loadErr, "Keys": keysErr, "Update": updateErr} {
		if !errors.Is(err, seal.ErrOpen) || !strings.Contains(err.Error(), "encryption_key") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A sealed value that was moved to another tenant does not open there.
	admin(t, url, "UPDATE config SET tenant = 'b'", "UPDATE config_revisions SET tenant = 'b'")
	_, err := open(t, options(t, url)).Tenant("b").Config().Load(t.Context())
	if !errors.Is(err, seal.ErrOpen) {
		t.Errorf("Load: %v", err)
	}
}

// What jsonb or text would change, refuse or not index comes back exactly.
func TestDocumentsAreKeptExactly(t *testing.T) {
	store := open(t, options(t, testservices.Postgres(t))).Tenant("a")
	long := strings.Repeat("0123456789abcdef é", 1000)
	u := &profilestore.User{
		ID: "oidc|" + long, CreatedAt: time.Unix(1, 1000).UTC(),
		Root: map[string]any{"nul\x00": "\x00\x01\ufffd", "email": long + "@example.com", "name": long, "username": "\x00"},
		Identities: []profilestore.Identity{
			{
				Connection: "oidc", Provider: "oidc", UserID: long,
				Raw: &profilestore.Raw{Userinfo: json.RawMessage(`{"n":1.0,"N":1e3,"b":1e400,"z":-0,"dup":1,"dup":2,"u":"\u0000"}`)},
			},
			{Connection: "db", Provider: "auth0", UserID: "\x01" + long},
		},
		AppMetadata: map[string]any{"1.0": json.Number("1.0"), "1e3": json.Number("1e3"), "1.10": json.Number("1.10"), "a": long},
	}
	put(t, store, u)
	byIdentity := func() (*profilestore.User, error) {
		return store.Users().ByIdentity(t.Context(), profilestore.Key{Connection: "oidc", Subject: long})
	}
	byEmail := func() (*profilestore.User, error) {
		found, err := store.Users().ByEmail(t.Context(), long+"@example.com")
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("%d users, %w", len(found), err)
		}
		return found[0], nil
	}
	for name, find := range map[string]func() (*profilestore.User, error){
		"Get": func() (*profilestore.User, error) { return store.Users().Get(t.Context(), u.ID) },
		"Search": func() (*profilestore.User, error) {
			page, err := store.Users().Search(t.Context(), profilestore.Query{
				Terms: []profilestore.Term{{Field: "app_metadata.a", Value: long}, {Field: "username", Value: "\x00"}}, Limit: 2,
			})
			if err != nil || len(page.Users) != 1 {
				return nil, fmt.Errorf("%d users, %w", len(page.Users), err)
			}
			return page.Users[0], nil
		},
		"ByIdentity": byIdentity, "ByEmail": byEmail,
	} {
		got, err := find()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(u, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// Bytes that are no UTF-8 are no error: nobody has such an id, and raw JSON with them is readable.
	for _, id := range []string{"\xff", "oidc|" + long[:5000] + "\xff", "\x00", "oidc|" + long + "x"} {
		if _, err := store.Users().Get(t.Context(), id); !errors.Is(err, profilestore.ErrNotFound) {
			t.Errorf("Get(%.20q): %v", id, err)
		}
	}
	put(t, store, &profilestore.User{ID: "x", Identities: []profilestore.Identity{{
		Connection: "c", Provider: "p", UserID: "s", Raw: &profilestore.Raw{Userinfo: json.RawMessage("{\"a\":\"\xff\"}")},
	}}})
	got, err := store.Users().Get(t.Context(), "x")
	if err != nil || string(got.Identities[0].Raw.Userinfo) != "{\"a\":\"\ufffd\"}" {
		t.Errorf("user is %+v, %v", got, err)
	}
}

// FuzzMetadataSearch stores a value at a path and looks for it there: no key may break the query or hide the value.
func FuzzMetadataSearch(f *testing.F) {
	for _, seed := range [][2]string{
		{"a", "b"},
		{"a.b.c", "1"},
		{`q"q`, `"`},
		{`b\`, `\`},
		{`\"`, "'"},
		{"$[0]", "*"},
		{"..", ""},
		{"é\x00", "\x00"},
		{"u0041", "<"},
		{"\x01", "\x010"},
	} {
		f.Add(seed[0], seed[1])
	}
	store := open(f, options(f, testservices.Postgres(f))).Tenant("a")
	f.Fuzz(func(t *testing.T, path, value string) {
		if !utf8.ValidString(path) || !utf8.ValidString(value) || strings.Count(path, ".") > 20 {
			t.Skip("JSON holds UTF-8 only")
		}
		keys := strings.Split(path, ".")
		for shape, nested := range map[string]any{"text": value, "array": []any{"other", value, map[string]any{}}} {
			for i := len(keys) - 1; i >= 0; i-- {
				nested = map[string]any{keys[i]: nested}
			}
			put(t, store, &profilestore.User{ID: "auth0|1", AppMetadata: nested.(map[string]any)})
			page, err := store.Users().Search(t.Context(), profilestore.Query{
				Terms: []profilestore.Term{{Field: "app_metadata." + path, Value: value}}, Limit: 1,
			})
			if err != nil || len(page.Users) != 1 {
				t.Errorf("%s: %q = %q: found %d, %v", shape, path, value, len(page.Users), err)
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	url := testservices.Postgres(t)
	open(t, options(t, url))
	admin(t, url, "INSERT INTO latchkey_migrations (version_id, is_applied) VALUES (99999, true)")
	ascii := testservices.Postgres(t)
	name := ascii[strings.LastIndex(ascii, "/")+1 : strings.LastIndex(ascii, "?")]
	admin(t, url, "DROP DATABASE "+name, "CREATE DATABASE "+name+" ENCODING 'SQL_ASCII' TEMPLATE template0")
	noRing, noClock := options(t, url), options(t, url)
	noRing.Ring, noClock.Now = nil, nil
	for _, c := range []struct {
		name string
		o    postgres.Options
		want string
	}{
		{"newer", options(t, url), "newer Latchkey"},
		{"no UTF-8", options(t, ascii), "SQL_ASCII"},
		{"simple protocol", options(t, url+"&default_query_exec_mode=simple_protocol"), "simple protocol"},
		{"no URL", options(t, ""), "needs a URL"},
		{"bad URL", options(t, "postgres://u:"+secret+"@h:port/x"), "PostgreSQL database"},
		{"no key", noRing, "an encryption key"},
		{"no clock", noClock, "a clock"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), c.o)
			if err == nil {
				db.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestMigrations(t *testing.T) {
	o := options(t, testservices.Postgres(t))
	o.Migrate = false
	db := open(t, o)
	for i, want := range [][]string{{"00001_start.sql"}, nil} {
		current, err := db.SchemaCurrent(t.Context())
		if err != nil || current != (i > 0) {
			t.Errorf("SchemaCurrent = %v, %v before migration %d", current, err, i+1)
		}
		applied, err := db.Migrate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, applied); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	furnish(t, db.Tenant("a"))
}

// A context that ends leaves no transaction and no half-done change, and the store goes on.
func TestDeadlineLeavesNothingOpen(t *testing.T) {
	store := open(t, options(t, testservices.Postgres(t))).Tenant("a").Users()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := store.Write(ctx, func(tx profilestore.Tx) error {
		for n := 0; ; n++ {
			if err := tx.Put(ctx, &profilestore.User{ID: fmt.Sprint("late|", n)}); err != nil {
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

// A transaction that is kept beyond its function is of no use.
func TestTransactionEndsWithItsFunction(t *testing.T) {
	store := open(t, options(t, testservices.Postgres(t))).Tenant("a").Users()
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

func TestOwnersAreKeptExactly(t *testing.T) {
	store := open(t, options(t, testservices.Postgres(t))).Tenant("a").Ephemeral()
	for n, owner := range []string{"", "\xff\x00", strings.Repeat("é", 3000)} {
		item := sessions.Item{Kind: sessions.KindSession, Key: [32]byte{byte(n)}, Owner: owner, ExpiresAt: time.Now().Add(time.Hour)}
		if err := store.Insert(t.Context(), item); err != nil {
			t.Fatal(err)
		}
		got, err := store.Get(t.Context(), item.Kind, item.Key)
		if err != nil || got.Owner != owner {
			t.Errorf("owner is %q, %v; want %q", got.Owner, err, owner)
		}
		if err := store.Replace(t.Context(), item); err != nil {
			t.Errorf("Replace for %q: %v", owner, err)
		}
	}
}
