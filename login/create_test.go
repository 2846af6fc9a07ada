package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// newService is a login service over a database in memory, with the databases Users and Named and a social connection.
func newService(t *testing.T) *login.Service {
	t.Helper()
	now := func() time.Time { return noon }
	ring, err := seal.NewRing(bytes.Repeat([]byte{3}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.InMemory, Ring: ring, Now: now, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	store := db.Tenant("main")
	cache, err := tenant.NewCache(t.Context(), store.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, err = cache.Update(t.Context(), func(config *tenant.Config) error {
		for _, conn := range []*tenant.Connection{
			{Name: "Users", Strategy: "auth0"},
			{Name: "Named", Strategy: "auth0", Options: map[string]any{"requires_username": true}},
			{Name: "github", Strategy: "github", Options: map[string]any{"client_id": "c", "client_secret": "s"}},
		} {
			tenant.CompleteConnection(conn)
			config.Connections[conn.ID] = conn
		}
		config.Index()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := passwords.New(passwords.Config{Params: passwords.Params{Memory: 64, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	log := audit.NewLog(store.Audit(), now, quiet)
	t.Cleanup(log.Close)
	deps := connectors.Deps{Hasher: hasher, Accounts: login.Accounts{Users: store.Users()}, Log: quiet}
	return &login.Service{Users: store.Users(), Tenant: cache, Connectors: connectors.NewRegistry(deps), Audit: log, Now: now}
}

func logsIn(ctx context.Context, s *login.Service, connection, identifier, password string) error {
	_, err := s.Password(ctx, s.Tenant.Current().ConnectionByName(connection), identifier, password, login.Origin{})
	return err
}

func bcryptOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func TestSeededPeopleLogIn(t *testing.T) {
	s := newService(t)
	for _, c := range []struct {
		seed                 tenant.SeedUser
		identifier, password string
	}{
		{tenant.SeedUser{Connection: "Users", Password: "Correct-Horse-1", Profile: map[string]any{
			"email": "Ann@Example.com", "email_verified": true, "blocked": false, "user_id": "auth0|ann", "given_name": "Ann",
			"app_metadata": map[string]any{"n": json.Number("12345678901234567890")},
		}}, "ann@example.com", "Correct-Horse-1"},
		{tenant.SeedUser{Connection: "Users", Profile: map[string]any{
			"email": "bob@example.com", "password_hash": bcryptOf(t, "old"),
		}}, "bob@example.com", "old"},
		{tenant.SeedUser{Connection: "Named", Profile: map[string]any{
			"email": "carl@example.com", "username": "Carl", "custom_password_hash": map[string]any{
				"algorithm": "bcrypt", "hash": map[string]any{"value": bcryptOf(t, "older")},
			},
		}}, "carl", "older"},
	} {
		for _, first := range []bool{true, false} {
			created, err := s.SeedUser(t.Context(), c.seed)
			if err != nil || created != first {
				t.Fatalf("%s: created %t, %v; want %t", c.identifier, created, err, first)
			}
		}
		if err := logsIn(t.Context(), s, c.seed.Connection, c.identifier, c.password); err != nil {
			t.Errorf("%s: %v", c.identifier, err)
		}
	}
	ann, err := s.Users.Get(t.Context(), "auth0|ann")
	if err != nil {
		t.Fatal(err)
	}
	if ann.Root["email"] != "ann@example.com" || ann.Root["email_verified"] != true || ann.Blocked == nil || *ann.Blocked ||
		ann.AppMetadata["n"] != json.Number("12345678901234567890") || ann.Provenance["given_name"].Source != profilestore.SourceImport {
		t.Errorf("stored as %+v", ann)
	}
}

func TestSeedingLeavesKnownPeopleAlone(t *testing.T) {
	s := newService(t)
	seed := func(profile map[string]any) bool {
		created, err := s.SeedUser(t.Context(), tenant.SeedUser{Connection: "Users", Password: "Correct-Horse-1", Profile: profile})
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	seed(map[string]any{"email": "ann@example.com", "user_id": "ann", "name": "Ann"})
	if seed(map[string]any{"email": "ANN@example.com", "name": "Changed"}) || seed(map[string]any{"email": "new@example.com", "user_id": "ann"}) {
		t.Error("a known person was created again")
	}
	if ann, err := s.Users.Get(t.Context(), "auth0|ann"); err != nil || ann.Root["name"] != "Ann" {
		t.Errorf("%v, %v", ann, err)
	}
}

func TestPeopleWithoutPasswordCannotLogIn(t *testing.T) {
	s := newService(t)
	if _, err := s.SeedUser(t.Context(), tenant.SeedUser{Connection: "Users", Profile: map[string]any{"email": "x@example.com"}}); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"", "x"} {
		if err := logsIn(t.Context(), s, "Users", "x@example.com", password); !errors.Is(err, connectors.ErrWrongCredentials) {
			t.Errorf("password %q: %v", password, err)
		}
	}
}

func TestSeedsThatAreRefused(t *testing.T) {
	s := newService(t)
	for name, seed := range map[string]tenant.SeedUser{
		"connection":    {Connection: "Gone", Profile: map[string]any{"email": "x@example.com"}},
		"strategy":      {Connection: "github", Profile: map[string]any{"email": "x@example.com"}},
		"nobody":        {Connection: "Users", Password: "Correct-Horse-1"},
		"weak":          {Connection: "Users", Password: "abc", Profile: map[string]any{"email": "x@example.com"}},
		"address":       {Connection: "Users", Profile: map[string]any{"email": "x"}},
		"key":           {Connection: "Users", Profile: map[string]any{"email": "x@example.com", "mfa_factors": []any{}}},
		"two hashes":    {Connection: "Users", Profile: map[string]any{"email": "x@example.com", "password_hash": "a", "custom_password_hash": map[string]any{}}},
		"both":          {Connection: "Users", Password: "Correct-Horse-1", Profile: map[string]any{"email": "x@example.com", "password_hash": bcryptOf(t, "x")}},
		"not a hash":    {Connection: "Users", Profile: map[string]any{"email": "x@example.com", "password_hash": "md5:abc"}},
		"hash's type":   {Connection: "Users", Profile: map[string]any{"email": "x@example.com", "password_hash": json.Number("5")}},
		"algorithm":     {Connection: "Users", Profile: map[string]any{"email": "x@example.com", "custom_password_hash": map[string]any{"algorithm": "md5", "hash": map[string]any{"value": "x"}}}},
		"no username":   {Connection: "Named", Password: "Correct-Horse-1", Profile: map[string]any{"email": "x@example.com"}},
		"verified text": {Connection: "Users", Profile: map[string]any{"email": "x@example.com", "email_verified": "yes"}},
	} {
		if created, err := s.SeedUser(t.Context(), seed); err == nil || created || !strings.HasPrefix(err.Error(), "user ") {
			t.Errorf("%s: created %t, %v", name, created, err)
		}
	}
	if page, err := s.Users.Search(t.Context(), profilestore.Query{Total: true}); err != nil || page.Total != 0 {
		t.Errorf("%d users were stored, %v", page.Total, err)
	}
}

// Two nodes that start with one tenant file at the same moment create each person once.
func TestSeedingAtTheSameTime(t *testing.T) {
	s := newService(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	n := 0
	for range 8 {
		all.Go(func() {
			created, err := s.SeedUser(t.Context(), tenant.SeedUser{
				Connection: "Users", Password: "Correct-Horse-1",
				Profile: map[string]any{"email": "ann@example.com", "user_id": "ann"},
			})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if created {
				n++
			}
		})
	}
	all.Wait()
	if n != 1 {
		t.Errorf("created %d times", n)
	}
}

func TestTheMessageOfASeedNeverHoldsItsPassword(t *testing.T) {
	s := newService(t)
	_, err := s.SeedUser(t.Context(), tenant.SeedUser{Connection: "Users", Password: "hidden", Profile: map[string]any{"email": "x@example.com"}})
	if err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "x@example.com") {
		t.Error(err)
	}
}
