package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/profilestore"
)

func byLogin(t *testing.T, a, _ profilestore.Store) {
	u := person(1, "1", "Mixed.Case@Example.com")
	u.Root["username"] = "JohnÄ"
	sms := &profilestore.User{
		ID: "sms|2", Root: map[string]any{"phone_number": "+15551234567"}, CreatedAt: birth, UpdatedAt: birth,
		Identities: []profilestore.Identity{
			{Connection: "sms", Provider: "sms", UserID: "2"},
			{Connection: "email", Provider: "email", UserID: "3", ProfileData: map[string]any{"email": "Second@example.com"}},
			{Connection: "google", Provider: "google-oauth2", UserID: "4", ProfileData: map[string]any{"email": "g@example.com"}},
		},
	}
	put(t, a, u, sms)
	for _, c := range []struct{ connection, identifier, want string }{
		{"db", "mixed.case@example.com", u.ID},
		{"db", "MIXED.CASE@EXAMPLE.COM", u.ID},
		{"db", "johnä", u.ID},
		{"db", "JOHNÄ", u.ID},
		{"sms", "+15551234567", sms.ID},
		{"email", "second@example.com", sms.ID},
		{"email", "mixed.case@example.com", ""},
		{"google", "g@example.com", ""},
		{"db", "", ""},
		{"db", "+15551234567", ""},
	} {
		got, err := a.ByLogin(t.Context(), c.connection, c.identifier)
		if c.want == "" {
			wantError(t, c.connection+" "+c.identifier, err, profilestore.ErrNotFound)
			continue
		}
		if err != nil {
			t.Errorf("ByLogin(%q, %q): %v", c.connection, c.identifier, err)
			continue
		}
		same(t, c.identifier, got.ID, c.want)
	}
}

func byEmail(t *testing.T, a, _ profilestore.Store) {
	younger, older, other := person(9, "1", "x@example.com"), person(3, "2", "x@example.com"), person(1, "3", "X@example.com")
	older.Identities[0].Connection = "db2"
	other.Identities[0].Connection = "db3"
	put(t, a, younger, older, other)
	got, err := a.ByEmail(t.Context(), "x@example.com")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "users", got, []*profilestore.User{older, younger})
}

func taken(t *testing.T, a, _ profilestore.Store) {
	owner := person(1, "1", "owner@example.com")
	owner.Root["username"], owner.Root["phone_number"] = "owner", "+15550000001"
	owner.Identities = append(owner.Identities, profilestore.Identity{Connection: "google", Provider: "google-oauth2", UserID: "g1"})
	put(t, a, owner)
	for _, c := range []struct {
		name   string
		change func(u *profilestore.User)
		want   error
	}{
		{"primary identity", func(u *profilestore.User) { u.Identities[0].UserID = "1" }, profilestore.ErrIdentityTaken},
		{"secondary identity", func(u *profilestore.User) {
			u.Identities = append(u.Identities, profilestore.Identity{Connection: "google", Provider: "google-oauth2", UserID: "g1"})
		}, profilestore.ErrIdentityTaken},
		{"e-mail address", func(u *profilestore.User) { u.Root["email"] = "OWNER@example.com" }, profilestore.ErrEmailTaken},
		{"username", func(u *profilestore.User) { u.Root["username"] = "Owner" }, profilestore.ErrUsernameTaken},
		{"phone number", func(u *profilestore.User) { u.Root["phone_number"] = "+15550000001" }, profilestore.ErrPhoneTaken},
		{"e-mail address at another connection", func(u *profilestore.User) {
			u.Root["email"], u.Identities[0].Connection = "owner@example.com", "db2"
		}, nil},
		{"e-mail address at a social connection", func(u *profilestore.User) {
			u.Root["email"], u.Identities[0].Provider = "owner@example.com", "github"
			u.Identities[0].UserID = "social"
		}, nil},
	} {
		u := person(2, "other "+c.name, "other@example.com")
		c.change(u)
		err := tryPut(t, a, u)
		if c.want != nil {
			wantError(t, c.name, err, c.want)
			missing(t, a, u.ID)
		} else if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	same(t, "owner", get(t, a, owner.ID), owner)
	put(t, a, owner) // its own identifiers are not taken
}

func freed(t *testing.T, a, _ profilestore.Store) {
	first := person(1, "1", "first@example.com")
	first.Identities = append(first.Identities, profilestore.Identity{Connection: "google", Provider: "google-oauth2", UserID: "g1"})
	put(t, a, first)
	unlinked := person(1, "1", "new@example.com")
	second := person(2, "2", "first@example.com")
	second.Identities = append(second.Identities, profilestore.Identity{Connection: "google", Provider: "google-oauth2", UserID: "g1"})
	put(t, a, unlinked, second)
	got, err := a.ByIdentity(t.Context(), profilestore.Key{Connection: "google", Subject: "g1"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "new owner of the identity", got.ID, second.ID)
	got, err = a.ByLogin(t.Context(), "db", "first@example.com")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "new owner of the e-mail address", got.ID, second.ID)
}

func deleted(t *testing.T, a, _ profilestore.Store) {
	u := full()
	put(t, a, u)
	for range 2 { // the second time there is none, which is no error
		if err := a.Write(t.Context(), func(tx profilestore.Tx) error { return tx.Delete(t.Context(), u.ID) }); err != nil {
			t.Fatal(err)
		}
	}
	missing(t, a, u.ID)
	_, err := a.ByIdentity(t.Context(), profilestore.Key{Connection: "github", Subject: "9007199254740993"})
	wantError(t, "ByIdentity", err, profilestore.ErrNotFound)
	again := full()
	again.ID = "auth0|another"
	put(t, a, again) // everything is free
}

var errChange = errors.New("change gives up")

func errorRollsBack(t *testing.T, a, _ profilestore.Store) {
	u := person(1, "1", "x@example.com")
	err := a.Write(t.Context(), func(tx profilestore.Tx) error {
		if err := tx.Put(t.Context(), u); err != nil {
			return err
		}
		return errChange
	})
	wantError(t, "Write", err, errChange)
	missing(t, a, u.ID)
	put(t, a, u)
}

func panicRollsBack(t *testing.T, a, _ profilestore.Store) {
	u := person(1, "1", "x@example.com")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		err := a.Write(t.Context(), func(tx profilestore.Tx) error {
			if err := tx.Put(t.Context(), u); err != nil {
				return err
			}
			panic("change panics")
		})
		t.Errorf("Write returned %v", err)
	}()
	missing(t, a, u.ID)
	put(t, a, u)
}

func ownWrites(t *testing.T, a, _ profilestore.Store) {
	u := full()
	err := a.Write(t.Context(), func(tx profilestore.Tx) error {
		if _, err := tx.Get(t.Context(), u.ID); !errors.Is(err, profilestore.ErrNotFound) {
			t.Errorf("Get before Put: %v", err)
		}
		if err := tx.Put(t.Context(), u); err != nil {
			return err
		}
		byID, err := tx.Get(t.Context(), u.ID)
		if err != nil {
			return err
		}
		same(t, "Get", byID, full())
		byIdentity, err := tx.ByIdentity(t.Context(), profilestore.Key{Connection: "db", Subject: "5f7c8ec7c33c6c004bbafe82"})
		if err != nil {
			return err
		}
		same(t, "ByIdentity", byIdentity, full())
		byLogin, err := tx.ByLogin(t.Context(), "db", "JANÉ.doe@example.com")
		if err != nil {
			return err
		}
		same(t, "ByLogin", byLogin, full())
		if err := tx.Delete(t.Context(), u.ID); err != nil {
			return err
		}
		_, err = tx.Get(t.Context(), u.ID)
		wantError(t, "Get after Delete", err, profilestore.ErrNotFound)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func cancelled(t *testing.T, a, _ profilestore.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	u := person(1, "1", "x@example.com")
	err := a.Write(ctx, func(tx profilestore.Tx) error {
		err := tx.Put(ctx, u)
		cancel()
		return err
	})
	wantError(t, "Write", err, context.Canceled)
	missing(t, a, u.ID)
	_, err = a.Search(ctx, profilestore.Query{Limit: 1})
	wantError(t, "Search", err, context.Canceled)
	put(t, a, u)
}

// firstLogins does what a log-in does: look for the identity, make a user where there is none.
func firstLogins(t *testing.T, a, _ profilestore.Store) {
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			err := a.Write(t.Context(), func(tx profilestore.Tx) error {
				u, err := tx.ByIdentity(t.Context(), profilestore.Key{Connection: "db", Subject: "s"})
				if errors.Is(err, profilestore.ErrNotFound) {
					u, err = person(n, "s", "x@example.com"), nil
					u.ID = fmt.Sprintf("auth0|%d", n)
				}
				if err != nil {
					return err
				}
				u.LoginsCount++
				return tx.Put(t.Context(), u)
			})
			if err != nil {
				t.Errorf("log-in %d: %v", n, err)
			}
		})
	}
	wait.Wait()
	page, err := a.Search(t.Context(), profilestore.Query{Limit: 100, Total: true})
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != 1 || len(page.Users) != 1 || page.Users[0].LoginsCount != 16 {
		t.Errorf("%d users, want one with 16 log-ins: %+v", page.Total, page.Users)
	}
}

func noLostUpdates(t *testing.T, a, _ profilestore.Store) {
	put(t, a, person(1, "1", "x@example.com"))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 8 {
				err := a.Write(t.Context(), func(tx profilestore.Tx) error {
					u, err := tx.Get(t.Context(), "auth0|1")
					if err != nil {
						return err
					}
					u.LoginsCount++
					return tx.Put(t.Context(), u)
				})
				if err != nil {
					t.Error(err)
				}
				if _, err := a.Get(t.Context(), "auth0|1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	same(t, "log-ins", get(t, a, "auth0|1").LoginsCount, int64(64))
}
