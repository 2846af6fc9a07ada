package dev

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// Kinds of messages.
const (
	KindEmail = "email"
	KindSMS   = "sms"
)

// outboxSize is how many messages are kept; older ones are forgotten.
const outboxSize = 1000

// Message is a mail or text message that would have been sent.
type Message struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // KindEmail or KindSMS
	To      string    `json:"to"`
	From    string    `json:"from"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
}

// Outbox keeps the last 1000 messages in memory instead of sending them. It is safe for concurrent use.
type Outbox struct {
	now  func() time.Time
	mu   sync.Mutex
	ring []Message // oldest at next once it is full
	next int
}

// NewOutbox returns an empty outbox that stamps messages with now.
func NewOutbox(now func() time.Time) *Outbox { return &Outbox{now: now} }

// Add keeps a message, giving it an id and a time where it has none, and returns it as kept.
func (o *Outbox) Add(m Message) Message {
	if m.ID == "" {
		m.ID = "msg_" + rand.Text()
	}
	if m.At.IsZero() {
		m.At = o.now().UTC()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ring) < outboxSize {
		o.ring = append(o.ring, m)
		return m
	}
	o.ring[o.next] = m
	o.next = (o.next + 1) % outboxSize
	return m
}

// Messages returns what is kept, newest first; never nil.
func (o *Outbox) Messages() []Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]Message, 0, len(o.ring))
	all = append(append(all, o.ring[o.next:]...), o.ring[:o.next]...)
	slices.Reverse(all)
	return all
}
