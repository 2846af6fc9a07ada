package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-id/latchkey/audit"
)

// memory is a store that can be away.
type memory struct {
	mu      sync.Mutex
	away    bool
	batches [][]audit.Event
}

func (m *memory) Append(_ context.Context, events []audit.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return errors.New("away")
	}
	m.batches = append(m.batches, slices.Clone(events))
	return nil
}

func (m *memory) List(context.Context, string, int) ([]audit.Event, error) { return nil, nil }

func (m *memory) DeleteBefore(context.Context, time.Time, int) (int, error) { return 0, nil }

func (m *memory) set(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

func (m *memory) stored() (all []audit.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, batch := range m.batches {
		all = append(all, batch...)
	}
	return all
}

func TestEventsAreStoredInOrderWithSortableIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{away: true} // so that they queue up
		log := audit.NewLog(store, time.Now, slog.New(slog.DiscardHandler))
		for i := range 1000 {
			log.Record(t.Context(), audit.Event{Type: audit.SuccessLogin, UserID: fmt.Sprint(i)})
			time.Sleep(time.Microsecond) // the bubble's clock, not the machine's
		}
		store.set(false)
		time.Sleep(2 * time.Second)
		log.Close()
		events := store.stored()
		if len(events) != 1000 {
			t.Fatalf("%d events, want 1000", len(events))
		}
		for i, e := range events {
			if e.UserID != fmt.Sprint(i) || len(e.ID) != 56 || !strings.HasPrefix(e.ID, "900") || e.Date.IsZero() {
				t.Fatalf("event %d is %+v", i, e)
			}
			if i > 0 && e.ID <= events[i-1].ID {
				t.Fatalf("id %s does not come after %s", e.ID, events[i-1].ID)
			}
		}
		if len(store.batches) == len(events) {
			t.Error("every event was stored by itself")
		}
	})
}

func TestEventsWaitForAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{away: true}
		log := audit.NewLog(store, time.Now, slog.New(slog.DiscardHandler))
		log.Record(t.Context(), audit.Event{Type: audit.SuccessLogin})
		time.Sleep(10 * time.Second)
		store.set(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(store.stored()); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		log.Close()
	})
}

func TestNobodyWaitsLongForAFullLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		log := audit.NewLog(&memory{away: true}, time.Now, slog.New(slog.NewTextHandler(&said, nil)))
		began := time.Now()
		for range 4096 + 300 { // the queue, and what the writer holds
			log.Record(t.Context(), audit.Event{Type: audit.SuccessLogin})
			if time.Since(began) > 0 {
				break
			}
		}
		began = time.Now()
		log.Record(t.Context(), audit.Event{Type: audit.FailedLogin})
		if took := time.Since(began); took != time.Second {
			t.Errorf("waited %v, want a second", took)
		}
		log.Close()
		if !strings.Contains(said.String(), "event lost") {
			t.Errorf("nobody is told: %s", said.String())
		}
	})
}

func TestAClosedLogSaysWhatItLoses(t *testing.T) {
	var said strings.Builder
	log := audit.NewLog(&memory{}, time.Now, slog.New(slog.NewTextHandler(&said, nil)))
	log.Close()
	log.Close()
	log.Record(t.Context(), audit.Event{Type: audit.SuccessLogin})
	if !strings.Contains(said.String(), "event lost") {
		t.Errorf("nobody is told: %s", said.String())
	}
}
