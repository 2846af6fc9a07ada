// Package storetest holds every driver of audit to what [audit.Store] says. A driver's test calls Run with a function that
// opens two tenants of a fresh database; nothing of one may be seen in the other.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/audit"
)

// Open returns the stores of two tenants over one new, empty database that is closed when the test ends.
type Open func(t *testing.T) (a, b audit.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, a, b audit.Store)
	}{
		{"events come back as stored", roundTrip},
		{"a list goes on after an id", pages},
		{"events are stored together or not at all", together},
		{"old events are deleted, no more than asked", deleted},
		{"concurrent appends are all kept", race},
		{"tenants are apart", tenantsApart},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t)
			c.test(t, a, b)
		})
	}
}

// event is the nth event; ids sort by time.
func event(n int) audit.Event {
	at := time.Date(2026, 3, 1, 12, n, 0, 123456000, time.UTC)
	return audit.Event{ID: fmt.Sprintf("900%05d", n), Type: audit.SuccessLogin, Date: at}
}

func add(t *testing.T, s audit.Store, list ...audit.Event) {
	t.Helper()
	if err := s.Append(t.Context(), list); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func has(t *testing.T, s audit.Store, after string, limit int, want ...audit.Event) {
	t.Helper()
	got, err := s.List(t.Context(), after, limit)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("events after %q (-want +got):\n%s", after, diff)
	}
}

func roundTrip(t *testing.T, a, _ audit.Store) {
	has(t, a, "", 10)
	add(t, a)
	full := audit.Event{
		ID: "9001", Type: audit.FailedLogin, Date: event(1).Date, Description: "Ünïcode 😀 <&> \x00", ClientID: "c",
		ClientName: "n", Connection: "db", ConnectionID: "con_1", Strategy: "auth0", UserID: "auth0|'\"", UserName: "u",
		IP: "2001:db8::1", UserAgent: "agent", Audience: "https://api", Scope: "openid",
		Details: map[string]any{"n": json.Number("9007199254740993"), "deep": map[string]any{"list": []any{nil, true}}},
	}
	bare := audit.Event{ID: "9002"}
	add(t, a, bare, full)
	has(t, a, "", 10, full, bare)
}

func pages(t *testing.T, a, _ audit.Store) {
	add(t, a, event(3), event(1))
	add(t, a, event(2))
	has(t, a, "", 2, event(1), event(2))
	has(t, a, event(2).ID, 2, event(3))
	has(t, a, event(1).ID+"0", 1, event(2)) // an id that there isn't
	has(t, a, event(3).ID, 2)
	has(t, a, "", 0)
}

func together(t *testing.T, a, _ audit.Store) {
	add(t, a, event(2))
	if err := a.Append(t.Context(), []audit.Event{event(1), event(2)}); err == nil {
		t.Error("an id that exists is no error")
	}
	has(t, a, "", 10, event(2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Append(ctx, []audit.Event{event(3)}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v", err)
	}
	has(t, a, "", 10, event(2))
}

func deleted(t *testing.T, a, _ audit.Store) {
	add(t, a, event(1), event(2), event(3), event(4))
	for _, want := range []int{2, 1, 0} {
		n, err := a.DeleteBefore(t.Context(), event(4).Date, 2)
		if err != nil || n != want {
			t.Errorf("DeleteBefore = %d, %v; want %d", n, err, want)
		}
	}
	has(t, a, "", 10, event(4)) // it isn't older
}

func race(t *testing.T, a, _ audit.Store) {
	var wait sync.WaitGroup
	for n := range 16 {
		wait.Go(func() {
			if err := a.Append(t.Context(), []audit.Event{event(2 * n), event(2*n + 1)}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	list, err := a.List(t.Context(), "", 100)
	if err != nil || len(list) != 32 {
		t.Errorf("%d events, %v; want 32", len(list), err)
	}
}

func tenantsApart(t *testing.T, a, b audit.Store) {
	add(t, a, event(1))
	has(t, b, "", 10)
	add(t, b, event(1), event(2))
	has(t, a, "", 10, event(1))
	n, err := b.DeleteBefore(t.Context(), event(9).Date, 10)
	if err != nil || n != 2 {
		t.Errorf("DeleteBefore = %d, %v; want 2", n, err)
	}
	has(t, a, "", 10, event(1))
}
