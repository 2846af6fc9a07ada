package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// recorder keeps the texts of all statements.
type recorder struct {
	mu    sync.Mutex
	texts map[string]bool
}

func (r *recorder) add(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts[text] = true
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.add(data.SQL)
	return ctx
}

func (*recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		r.add(q.SQL)
	}
	return ctx
}

func (*recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// recorded is a database whose statements are recorded.
func recorded(t *testing.T) (*DB, *recorder) {
	ring, err := seal.NewRing(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{URL: testservices.Postgres(t), Ring: ring, Now: time.Now, Migrate: true}
	conf, err := poolConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{texts: map[string]bool{}}
	conf.ConnConfig.Tracer = r
	db, err := open(t.Context(), o, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	clear(r.texts) // migrations
	return db, r
}

// seed makes one tenant with 2000 of everything.
func seed(t *testing.T, db *DB) {
	err := db.read(t.Context(), func(s *session) error {
		for _, text := range []string{
			`INSERT INTO users SELECT 'a', 'auth0|' || n, n || '@example.com', n || '@example.com', 'false', 'name' || n, '+1' || n, 'x',
				'x', 'x', 'x', 'false', '::1', 'db', 'auth0', n::text, n, n, n, 0,
				jsonb_build_object('app_metadata', jsonb_build_object('plan', 'p' || n)), '{}' FROM generate_series(1, 2000) AS n`,
			`INSERT INTO user_identities SELECT 'a', 'db', n::text, 'auth0', 'auth0|' || n FROM generate_series(1, 2000) AS n`,
			`INSERT INTO user_logins SELECT 'a', 'db', 'email', n || '@example.com', 'auth0|' || n FROM generate_series(1, 2000) AS n`,
			`INSERT INTO ephemeral SELECT 'a', 'code', sha256(n::text::bytea), 'auth0', 'auth0|' || n, '', n FROM generate_series(1, 2000) AS n`,
			`INSERT INTO grants SELECT 'a', 'g' || n, 'auth0|' || n, 'c' || n % 100, n, false, '{}' FROM generate_series(1, 2000) AS n`,
			`INSERT INTO refresh_tokens SELECT 'a', sha256(n::text::bytea), 'g' || n, 1, n, 0, 0, 0, n, n FROM generate_series(1, 2000) AS n`,
			`INSERT INTO events SELECT 'a', n::text, n, '{}' FROM generate_series(1, 2000) AS n`,
		} {
			if _, err := s.on.Exec(t.Context(), text); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// byTenantAlone is a step that reads all rows of a table or of a tenant.
var byTenantAlone = regexp.MustCompile(`Seq Scan on|user_identities_connection|Index Cond: \(\(?tenant = [^)]*\)?\)$`)

// indexScan is a step that is followed by its condition, or reads all of an index.
var indexScan = regexp.MustCompile(`Index (Only )?Scan `)

// plan is the one for unknown values, which PostgreSQL may use for prepared statements.
func plan(ctx context.Context, s *session, text string) (steps []string, err error) {
	parameters := 0
	for n := 1; strings.Contains(text, fmt.Sprintf("$%d", n)); n++ {
		parameters = n
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", parameters), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	// For a handful of rows at once PostgreSQL rightly reads a table of 2000 rows from end to end; what counts there is that
	// an index serves a larger one.
	scan := "on"
	if strings.Contains(text, "WITH ") {
		scan = "off"
	}
	for _, before := range []string{
		"SET enable_seqscan = " + scan, "SET enable_hashjoin = " + scan, "SET enable_mergejoin = " + scan,
		"SET plan_cache_mode = force_generic_plan", "DEALLOCATE ALL", "PREPARE x AS " + text,
	} {
		if _, err := s.on.Exec(ctx, before, pgx.QueryExecModeExec); err != nil {
			return nil, err
		}
	}
	err = s.each(ctx, "EXPLAIN EXECUTE x"+nulls, []any{pgx.QueryExecModeExec}, func(rows pgx.Rows) error {
		var step string
		err := rows.Scan(&step)
		steps = append(steps, step)
		return err
	})
	return steps, err
}

// TestEveryStatementIsDecidedByMoreThanTheTenant looks at PostgreSQL's plan of each statement that the stores keep, so that
// no read or write gets slower because the tenant has more people.
func TestEveryStatementIsDecidedByMoreThanTheTenant(t *testing.T) {
	db, r := recorded(t)
	useAll(t, db.Tenant("a"))
	texts := slices.Sorted(maps.Keys(r.texts))
	if len(texts) < 35 {
		t.Fatalf("only %d statements were seen", len(texts))
	}
	seed(t, db)
	checkPlans(t, db, texts, "without figures")
	analyze(t, db)
	checkPlans(t, db, texts, "with figures")
}

// analyze makes the figures that the planner goes by. Until the server does it by itself there are none.
func analyze(t *testing.T, db *DB) {
	err := db.read(t.Context(), func(s *session) error { _, err := s.run(t.Context(), "ANALYZE"); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func checkPlans(t *testing.T, db *DB, texts []string, when string) {
	for _, text := range texts {
		if !strings.Contains(text, "$1") || strings.Contains(text, "config") || strings.Contains(text, "key") && !strings.Contains(text, "ephemeral") ||
			strings.Contains(text, "pg_notify") {
			continue // configuration and keys are few and read as a whole
		}
		err := db.read(t.Context(), func(s *session) error {
			steps, err := plan(t.Context(), s, text)
			for n, step := range steps {
				unbounded := indexScan.MatchString(step) && (n+1 == len(steps) || !strings.Contains(steps[n+1], "Index Cond"))
				if unbounded || byTenantAlone.MatchString(step) {
					t.Errorf("%s: %s\n  for %s\n%s", when, step, text, strings.Join(steps, "\n"))
				}
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v for %s", when, err, text)
		}
	}
}

// TestSearchesUseTheirIndex covers the fields that are found without looking at every person.
func TestSearchesUseTheirIndex(t *testing.T) {
	db, _ := recorded(t)
	seed(t, db)
	analyze(t, db)
	for _, field := range []string{
		"user_id", "email", "username", "phone_number", "identities.user_id", "app_metadata.plan",
	} {
		where, err := users{db.Tenant("a")}.where(profilestore.Query{Terms: []profilestore.Term{{Field: field, Value: "x"}}})
		if err != nil {
			t.Fatal(err)
		}
		err = db.read(t.Context(), func(s *session) error {
			text := "EXPLAIN SELECT u.doc FROM users AS u WHERE " + strings.Join(where.sql, " AND ") + " ORDER BY u.created_at, u.id LIMIT 50"
			return s.each(t.Context(), text, append([]any{pgx.QueryExecModeDescribeExec}, where.args...), func(rows pgx.Rows) error {
				var step string
				err := rows.Scan(&step)
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

// Failures that another attempt may overcome are not shown, and end as ErrUnavailable where none does.
func TestConflictsAreRepeatedWithinBounds(t *testing.T) {
	db, _ := recorded(t)
	for _, code := range []string{serializationFailure, deadlockDetected} {
		fail := "DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '" + code + "'; END $$"
		for _, c := range []struct{ failures, attempts int }{{3, 4}, {1000, conflictAttempts}} {
			attempts := 0
			err := db.transact(t.Context(), func(s *session) error {
				if attempts++; attempts <= c.failures {
					_, _ = s.run(t.Context(), fail) // even where the function goes on as if nothing had happened
				}
				return nil
			})
			if attempts != c.attempts || (err == nil) != (c.failures < conflictAttempts) || err != nil && !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %v after %d attempts, want %d", code, err, attempts, c.attempts)
			}
		}
	}
	// What a statement did wrong is neither repeated nor hidden.
	attempts := 0
	err := db.transact(t.Context(), func(s *session) error {
		attempts++
		_, _ = s.run(t.Context(), "SELECT 1/0")
		return nil
	})
	if attempts != 1 || code(err) != "22012" || errors.Is(err, ErrUnavailable) {
		t.Errorf("%v after %d attempts", err, attempts)
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
			return store.Users().Write(ctx, func(tx profilestore.Tx) error {
				if _, err := tx.ByIdentity(ctx, profilestore.Key{Connection: "db", Subject: "1"}); err != nil {
					return err
				}
				if _, err := tx.ByLogin(ctx, "email", "x"); err == nil {
					return fmt.Errorf("there is no such user")
				}
				return tx.Put(ctx, u)
			})
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
		func() error {
			return store.Grants().CreateGrant(ctx, sessions.Grant{ID: "h", UserID: "u", ClientID: "c"}, nil)
		},
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

// A call's limit may also end between two statements, when the connection is still good.
func TestTheEndOfACallsTimeIsAnOutage(t *testing.T) {
	db, _ := recorded(t)
	limit, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-limit.Done()
	conn, err := db.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	s := &session{on: conn, conn: conn.Conn(), limit: limit}
	if _, err := s.run(t.Context(), "SELECT 1"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("run: %v", err)
	}
	if err := s.pipeline(t.Context(), []step{{text: "SELECT 1"}}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("pipeline: %v", err)
	}
	if _, err := db.transactOnce(t.Context(), limit, func(*session) error { return nil }); !errors.Is(err, ErrUnavailable) {
		t.Errorf("transactOnce: %v", err)
	}
}
