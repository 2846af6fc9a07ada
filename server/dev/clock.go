package dev

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// maxOffset bounds how far a clock can be moved in all: past it certificates, keys and stored times stop making sense.
const maxOffset = 10 * 365 * 24 * time.Hour

// Clock is a clock that can be moved forward, for trying out what happens when something expires. It is safe for
// concurrent use.
type Clock struct {
	base   func() time.Time
	mu     sync.Mutex
	offset time.Duration
}

// NewClock returns a clock that starts at what base says, usually time.Now.
func NewClock(base func() time.Time) *Clock { return &Clock{base: base} }

// Now returns the moved time.
func (c *Clock) Now() time.Time { return c.base().Add(c.Offset()) }

// Offset returns how far the clock is ahead of its base.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Advance moves the clock forward. It refuses to move back, since stored times would then lie in the future, and to go
// further than ten years in all.
func (c *Clock) Advance(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d <= 0 {
		return fmt.Errorf("the clock only moves forward: %s is not a positive duration", d)
	}
	if d > maxOffset-c.offset {
		return fmt.Errorf("the clock can't be more than %s ahead", maxOffset)
	}
	c.offset += d
	return nil
}

type clockState struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"`
}

func (d *Dev) readClock(w http.ResponseWriter, _ *http.Request) {
	d.writeJSON(w, http.StatusOK, clockState{Now: d.clock.Now().UTC(), Offset: d.clock.Offset().String()})
}

// moveClock takes {"advance": "180s"}, or the same as a form field from the page of links.
func (d *Dev) moveClock(w http.ResponseWriter, r *http.Request) {
	text, err := advanceOf(http.MaxBytesReader(w, r.Body, maxForm), r)
	if err != nil {
		d.writeError(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	by, err := time.ParseDuration(text)
	if err != nil {
		d.writeError(w, http.StatusBadRequest, "invalid_request", fmt.Sprintf("advance: %q is not a duration such as 90s, 15m or 24h", text))
		return
	}
	if err := d.clock.Advance(by); err != nil {
		d.writeError(w, http.StatusBadRequest, "invalid_request", "advance: "+err.Error())
		return
	}
	d.log.Info("clock moved", "by", by, "offset", d.clock.Offset())
	if isForm(r) {
		http.Redirect(w, r, d.base+"dev#clock", http.StatusSeeOther)
		return
	}
	d.readClock(w, r)
}
