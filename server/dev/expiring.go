package dev

import (
	"sync"
	"time"
)

// maxEntries bounds each of the simulator's maps; the entry that expires first makes room.
const maxEntries = 1000

// expiring maps one-time secrets to what they stand for, for a limited time.
type expiring[T any] struct {
	now     func() time.Time
	life    time.Duration
	mu      sync.Mutex
	entries map[string]expiringEntry[T]
}

type expiringEntry[T any] struct {
	value T
	until time.Time
}

func newExpiring[T any](now func() time.Time, life time.Duration) *expiring[T] {
	return &expiring[T]{now: now, life: life, entries: map[string]expiringEntry[T]{}}
}

func (e *expiring[T]) put(key string, value T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if len(e.entries) >= maxEntries {
		e.makeRoom(now)
	}
	e.entries[key] = expiringEntry[T]{value, now.Add(e.life)}
}

func (e *expiring[T]) makeRoom(now time.Time) {
	first := ""
	for key, entry := range e.entries {
		if !now.Before(entry.until) {
			delete(e.entries, key)
			continue
		}
		if first == "" || entry.until.Before(e.entries[first].until) {
			first = key
		}
	}
	if len(e.entries) >= maxEntries {
		delete(e.entries, first)
	}
}

func (e *expiring[T]) get(key string) (T, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	entry, ok := e.entries[key]
	if !ok || !e.now().Before(entry.until) {
		var none T
		return none, false
	}
	return entry.value, true
}

// take is get that leaves nothing behind: of two callers with the same key one gets the value.
func (e *expiring[T]) take(key string) (T, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	entry, ok := e.entries[key]
	delete(e.entries, key)
	if !ok || !e.now().Before(entry.until) {
		var none T
		return none, false
	}
	return entry.value, true
}
