// Package storetest holds every driver of profilestore to what [profilestore.Store] says. A driver's test calls Run with
// a function that opens two tenants of a fresh database; nothing of one may be seen in the other.
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/profilestore"
)

// Open returns the stores of two tenants over one new, empty database that is closed when the test ends.
type Open func(t *testing.T) (a, b profilestore.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b profilestore.Store)
	}{
		{"a user comes back as stored", roundTrip},
		{"odd ids and values are kept exactly", oddValues},
		{"what a reader returns is the caller's own", copies},
		{"unknown users are not found", notFound},
		{"secondary identities find their user", secondary},
		{"login identifiers find their user", byLogin},
		{"e-mail lookup is exact and in order of age", byEmail},
		{"identities and login identifiers belong to one user", taken},
		{"what a user gives up is free again", freed},
		{"a deleted user is gone", deleted},
		{"an error stores nothing", errorRollsBack},
		{"a panic stores nothing", panicRollsBack},
		{"a transaction sees its own writes", ownWrites},
		{"an ended context stores nothing", cancelled},
		{"two first log-ins at once make one user", firstLogins},
		{"concurrent changes are not lost", noLostUpdates},
		{"search terms", searchTerms},
		{"search terms are joined with AND", searchAnd},
		{"search pages and sorts", searchPages},
		{"search refuses unknown fields", searchUnknown},
		{"tenants are apart", tenantsApart},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			c.test(t, a, b)
		})
	}
}

var birth = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// person is a database user with an e-mail address, born n seconds after birth.
func person(n int, id, email string) *profilestore.User {
	at := birth.Add(time.Duration(n) * time.Second)
	return &profilestore.User{
		ID:         "auth0|" + id,
		Root:       map[string]any{"email": email, "email_verified": false, "name": email},
		Identities: []profilestore.Identity{{Connection: "db", Provider: "auth0", UserID: id}},
		CreatedAt:  at, UpdatedAt: at,
	}
}

func put(t *testing.T, s profilestore.Store, users ...*profilestore.User) {
	t.Helper()
	if err := tryPut(t, s, users...); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

func tryPut(t *testing.T, s profilestore.Store, users ...*profilestore.User) error {
	return s.Write(t.Context(), func(tx profilestore.Tx) error {
		for _, u := range users {
			if err := tx.Put(t.Context(), u); err != nil {
				return err
			}
		}
		return nil
	})
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error is %v, want %v", what, got, want)
	}
}

func get(t *testing.T, s profilestore.Reader, id string) *profilestore.User {
	t.Helper()
	u, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%q): %v", id, err)
	}
	return u
}

func missing(t *testing.T, s profilestore.Reader, id string) {
	t.Helper()
	_, err := s.Get(t.Context(), id)
	wantError(t, "Get of "+id, err, profilestore.ErrNotFound)
}

// full is a user with every field set.
func full() *profilestore.User {
	u := person(1, "5f7c8ec7c33c6c004bbafe82", "Jané.Doe@Example.com")
	login, yes := birth.Add(time.Hour), true
	u.Root["huge"] = json.Number("123456789012345678901234567890")
	u.Root["list"] = []any{json.Number("1"), "two", nil, map[string]any{"k": json.Number("1.10")}}
	u.Identities[0].PasswordHash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"
	u.Identities = append(u.Identities, profilestore.Identity{
		Connection: "github", Provider: "github", UserID: json.Number("9007199254740993"), IsSocial: true,
		ProfileData: map[string]any{"email": "other@example.com", "id": json.Number("9007199254740993")},
		Provenance:  map[string]profilestore.Provenance{"email": {Source: profilestore.SourceIdP, At: birth}},
		Raw: &profilestore.Raw{
			At: birth, IDToken: json.RawMessage(`{"sub":"1"}`), Userinfo: json.RawMessage(`{"n":1.0}`),
			Extra: json.RawMessage(`[]`), FormPost: json.RawMessage(`{"user":"{}"}`),
		},
	})
	u.UserMetadata = map[string]any{"a": map[string]any{}}
	u.AppMetadata = map[string]any{"plan": "gold"}
	u.Blocked, u.LastLogin, u.LastPasswordReset = &yes, &login, &login
	u.LastIP, u.LoginsCount = "2001:db8::1", 9007199254740993
	u.Provenance = map[string]profilestore.Provenance{
		"email": {Source: profilestore.SourceUser, Identity: "db|1", Field: "email", At: birth, OwnedByIdP: true},
	}
	return u
}

func roundTrip(t *testing.T, a, _ profilestore.Store) {
	u := full()
	put(t, a, u)
	same(t, "stored user", get(t, a, u.ID), full())
	u.Root["name"], u.LoginsCount = "New", 7
	put(t, a, u)
	same(t, "user stored again", get(t, a, u.ID), u)
}

func oddValues(t *testing.T, a, _ profilestore.Store) {
	for i, subject := range []string{
		"pipe|in|subject", `quo"te's`, "nul\x00byte", "😀 emoji", " space ", "%_*", `back\slash`, "'; DROP TABLE users; --",
		"İstanbul", "e\u0301", "\u00e9", "A", "a", "0", "00", "1e3",
	} {
		u := person(i, subject, fmt.Sprintf("%d%s@example.com", i, subject))
		put(t, a, u)
		same(t, "by id", get(t, a, u.ID), u)
		got, err := a.ByIdentity(t.Context(), profilestore.Key{Connection: "db", Subject: subject})
		if err != nil {
			t.Errorf("ByIdentity(%q): %v", subject, err)
			continue
		}
		same(t, "by identity", got, u)
	}
}

func copies(t *testing.T, a, _ profilestore.Store) {
	u := full()
	put(t, a, u)
	u.Root["email"] = "changed after Put"
	first := get(t, a, u.ID)
	first.Root["email"] = "changed after Get"
	first.Identities[0].Connection = "changed"
	first.AppMetadata["plan"] = "changed"
	same(t, "user", get(t, a, u.ID), full())
}

func notFound(t *testing.T, a, _ profilestore.Store) {
	missing(t, a, "auth0|nobody")
	missing(t, a, "")
	_, err := a.ByIdentity(t.Context(), profilestore.Key{Connection: "db", Subject: "nobody"})
	wantError(t, "ByIdentity", err, profilestore.ErrNotFound)
	_, err = a.ByLogin(t.Context(), "db", "nobody@example.com")
	wantError(t, "ByLogin", err, profilestore.ErrNotFound)
	list, err := a.ByEmail(t.Context(), "nobody@example.com")
	if err != nil || len(list) != 0 {
		t.Errorf("ByEmail = %v, %v; want nobody and no error", list, err)
	}
}

func secondary(t *testing.T, a, _ profilestore.Store) {
	u := full()
	put(t, a, u)
	got, err := a.ByIdentity(t.Context(), profilestore.Key{Connection: "github", Subject: "9007199254740993"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "owner of a secondary identity", got.ID, u.ID)
	for _, key := range []profilestore.Key{
		{Connection: "github", Subject: "9007199254740992"},
		{Connection: "GitHub", Subject: "9007199254740993"},
		{Connection: "db", Subject: "9007199254740993"},
	} {
		_, err := a.ByIdentity(t.Context(), key)
		wantError(t, key.Connection+" "+key.Subject, err, profilestore.ErrNotFound)
	}
}

func tenantsApart(t *testing.T, a, b profilestore.Store) {
	inA, inB := person(1, "same", "same@example.com"), person(2, "same", "same@example.com")
	put(t, a, inA)
	missing(t, b, inA.ID)
	put(t, b, inB) // the same identity and e-mail address are free there
	same(t, "user of the first tenant", get(t, a, inA.ID), inA)
	page, err := b.Search(t.Context(), profilestore.Query{Limit: 10, Total: true, Connection: "db"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "search in the second tenant", page, profilestore.Page{Users: []*profilestore.User{inB}, Total: 1})
	if err := b.Write(t.Context(), func(tx profilestore.Tx) error { return tx.Delete(t.Context(), inB.ID) }); err != nil {
		t.Fatal(err)
	}
	same(t, "user of the first tenant", get(t, a, inA.ID), inA)
	for _, lookup := range []func() (*profilestore.User, error){
		func() (*profilestore.User, error) {
			return b.ByIdentity(t.Context(), profilestore.Key{Connection: "db", Subject: "same"})
		},
		func() (*profilestore.User, error) { return b.ByLogin(t.Context(), "db", "same@example.com") },
	} {
		_, err := lookup()
		wantError(t, "lookup in the other tenant", err, profilestore.ErrNotFound)
	}
}
