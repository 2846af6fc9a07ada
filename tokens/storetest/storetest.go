// Package storetest holds every driver of tokens to what [tokens.KeyStore] says. A driver's test calls Run with a function
// that opens two tenants of a fresh database; nothing of one may be seen in the other.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/tokens"
)

// Open returns the stores of two tenants over one new, empty database that is closed when the test ends.
type Open func(t *testing.T) (a, b tokens.KeyStore)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b tokens.KeyStore)
	}{
		{"keys come back as stored, oldest first", roundTrip},
		{"what change returns replaces all keys", replaces},
		{"an error, a panic or an ended context stores nothing", failures},
		{"two keys can't share an id", duplicates},
		{"of many first starts one makes the key", firstStart},
		{"tenants are apart", tenantsApart},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			c.test(t, a, b)
		})
	}
}

func key(n byte, id string) tokens.StoredKey {
	at := time.Date(2026, 3, int(n), 12, 0, 0, 123456000, time.UTC)
	return tokens.StoredKey{
		ID: id, Alg: "RS256", Private: []byte{0, n, 0xff}, Certificate: []byte{0xff, 0, n}, CreatedAt: at,
		ActiveAt: at.Add(time.Hour),
	}
}

func set(t *testing.T, s tokens.KeyStore, keys ...tokens.StoredKey) {
	t.Helper()
	if err := s.UpdateKeys(t.Context(), func([]tokens.StoredKey) ([]tokens.StoredKey, error) { return keys, nil }); err != nil {
		t.Fatalf("UpdateKeys: %v", err)
	}
}

func has(t *testing.T, s tokens.KeyStore, want ...tokens.StoredKey) {
	t.Helper()
	got, err := s.Keys(t.Context())
	if err != nil {
		t.Fatalf("Keys: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func roundTrip(t *testing.T, a, _ tokens.KeyStore) {
	has(t, a)
	old, young := key(1, "z"), key(2, "a|'\"/😀")
	old.RetiredAt, old.RemoveAt, old.RevokedAt = young.ActiveAt, young.ActiveAt.Add(time.Hour), young.ActiveAt
	set(t, a, young, old)
	has(t, a, old, young)
	err := a.UpdateKeys(t.Context(), func(keys []tokens.StoredKey) ([]tokens.StoredKey, error) {
		if diff := cmp.Diff([]tokens.StoredKey{old, young}, keys); diff != "" {
			t.Errorf("keys given to change (-want +got):\n%s", diff)
		}
		return keys, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	has(t, a, old, young)
}

func replaces(t *testing.T, a, _ tokens.KeyStore) {
	set(t, a, key(1, "1"), key(2, "2"))
	changed := key(2, "2")
	changed.Private, changed.RetiredAt = []byte("new"), changed.CreatedAt
	set(t, a, changed, key(3, "3"))
	has(t, a, changed, key(3, "3"))
	set(t, a)
	has(t, a)
}

func failures(t *testing.T, a, _ tokens.KeyStore) {
	set(t, a, key(1, "1"))
	refused := errors.New("refused")
	err := a.UpdateKeys(t.Context(), func([]tokens.StoredKey) ([]tokens.StoredKey, error) { return nil, refused })
	if !errors.Is(err, refused) {
		t.Errorf("UpdateKeys: %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		err := a.UpdateKeys(t.Context(), func([]tokens.StoredKey) ([]tokens.StoredKey, error) { panic("change panics") })
		t.Errorf("UpdateKeys returned %v", err)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	err = a.UpdateKeys(ctx, func([]tokens.StoredKey) ([]tokens.StoredKey, error) { cancel(); return nil, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("UpdateKeys: %v", err)
	}
	has(t, a, key(1, "1"))
}

func duplicates(t *testing.T, a, _ tokens.KeyStore) {
	set(t, a, key(1, "1"))
	err := a.UpdateKeys(t.Context(), func(keys []tokens.StoredKey) ([]tokens.StoredKey, error) {
		return append(keys, key(2, "1")), nil
	})
	if err == nil {
		t.Error("no error")
	}
	has(t, a, key(1, "1"))
}

func firstStart(t *testing.T, a, _ tokens.KeyStore) {
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			err := a.UpdateKeys(t.Context(), func(keys []tokens.StoredKey) ([]tokens.StoredKey, error) {
				if len(keys) > 0 {
					return keys, nil
				}
				return []tokens.StoredKey{key(1, fmt.Sprint(n))}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	keys, err := a.Keys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v; want one", len(keys), err)
	}
}

func tenantsApart(t *testing.T, a, b tokens.KeyStore) {
	set(t, a, key(1, "1"))
	has(t, b)
	set(t, b, key(2, "1"))
	set(t, b)
	has(t, a, key(1, "1"))
}
