package audit

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	queueSize = 4096
	batchSize = 256
	// retryEvery is how long a batch that could not be stored waits for the next try.
	retryEvery = time.Second
)

// Log records events.
type Log struct {
	store  Store
	now    func() time.Time
	logger *slog.Logger

	mu     sync.RWMutex // guards closed against sends on queue
	closed bool
	queue  chan Event
	done   chan struct{}
}

// NewLog returns a log that writes to store until Close.
func NewLog(store Store, now func() time.Time, logger *slog.Logger) *Log {
	l := &Log{store: store, now: now, logger: logger, queue: make(chan Event, queueSize), done: make(chan struct{})}
	go l.write()
	return l
}

// patience is how long Record waits for a place in a full queue. It fills only while the store is away; people shall not wait
// for the log then.
const patience = time.Second

// Record takes an event; its id and date are set here. While the queue is full it waits for a moment, and then loses the event
// with a line in the process's log.
func (l *Log) Record(ctx context.Context, e Event) {
	e.Date = l.now().UTC()
	e.ID = id(e.Date)
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		l.logger.Error("tenant log is closed, event lost", "type", e.Type)
		return
	}
	select {
	case l.queue <- e:
		return
	default:
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case l.queue <- e:
	case <-wait.C:
		l.logger.Error("tenant log is not keeping up, event lost", "type", e.Type)
	case <-ctx.Done():
		l.logger.Error("tenant log is not keeping up, event lost", "type", e.Type)
	}
}

// Close writes what is queued and ends the log.
func (l *Log) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.mu.Unlock()
	<-l.done
}

// write drains the queue in batches. A batch that can't be stored is tried again until the log is closed.
func (l *Log) write() {
	defer close(l.done)
	for e := range l.queue {
		batch := l.fill([]Event{e})
		for !l.flush(batch) {
			l.mu.RLock()
			closed := l.closed
			l.mu.RUnlock()
			if closed {
				l.logger.Error("events lost", "count", len(batch))
				break
			}
			<-time.After(retryEvery)
		}
	}
}

// fill takes what else is waiting.
func (l *Log) fill(batch []Event) []Event {
	for len(batch) < batchSize {
		select {
		case e, ok := <-l.queue:
			if !ok {
				return batch
			}
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (l *Log) flush(batch []Event) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.store.Append(ctx, batch); err != nil {
		l.logger.Error("tenant log can't be written", "error", err)
		return false
	}
	return true
}

// id is 56 digits that sort by time and begin with 900 and the date, as Auth0's do.
func id(t time.Time) string {
	var b [12]byte
	rand.Read(b[:])
	random := binary.BigEndian.Uint64(b[:8])
	tail := binary.BigEndian.Uint32(b[8:])
	return fmt.Sprintf("900%s%09d%020d%010d", t.Format("20060102150405"), t.Nanosecond(), random, tail)
}
