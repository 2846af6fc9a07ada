package connectors

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	documentTTL   = time.Hour        // after that a document is fetched anew
	staleTTL      = 24 * time.Hour   // so long it stays in use where the provider doesn't answer
	renewInterval = time.Minute      // between fetches because of unknown keys
	retryInterval = 5 * time.Second  // between fetches that fail
	fetchTimeout  = 10 * time.Second // for one fetch, whoever waits for it
)

// document is something that a provider publishes and that many logins need: discovery metadata, signing keys. However
// many logins ask, one fetch runs at a time and none runs under the lock. A provider that fails is asked again every few
// seconds only, and meanwhile what it said before stays in use.
type document[T any] struct {
	fetch  func(context.Context) (T, error)
	now    func() time.Time
	flight singleflight.Group

	mu      sync.Mutex
	value   T
	fetched time.Time     // of value; zero: never
	tried   time.Time     // last failure
	renewed time.Time     // last renew that was let through
	renewal chan struct{} // closed when that has ended; nil: there was none
	err     error         // of the last failure
}

// get returns the document, at most an hour old unless the provider fails.
func (d *document[T]) get(ctx context.Context) (T, error) {
	now := d.now()
	d.mu.Lock()
	value, err := d.value, d.err
	have := !d.fetched.IsZero() && now.Sub(d.fetched) < staleTTL
	fresh := have && now.Sub(d.fetched) < documentTTL
	failing := !d.tried.IsZero() && now.Sub(d.tried) < retryInterval
	d.mu.Unlock()
	switch {
	case fresh, failing && have:
		return value, nil
	case failing:
		return value, err
	}
	latest, err := d.load(ctx)
	if err != nil && have {
		return value, nil
	}
	return latest, err
}

// renew returns the document, fetched again because something was missing in it. That is done once a minute at most, so that
// nobody can make us ask a provider at will. Everybody who asks meanwhile waits for that fetch and gets what it brought:
// when a provider changes its keys, all who log in at that moment need the new ones.
func (d *document[T]) renew(ctx context.Context) (value T, err error) {
	d.mu.Lock()
	if now := d.now(); d.renewed.IsZero() || now.Sub(d.renewed) >= renewInterval {
		d.renewed, d.renewal = now, make(chan struct{})
		go func(done chan struct{}) {
			defer close(done)
			_, _ = d.load(context.WithoutCancel(ctx)) // it keeps what it got or why it failed
		}(d.renewal)
	}
	done := d.renewal
	d.mu.Unlock()
	select {
	case <-ctx.Done():
		return value, ctx.Err()
	case <-done:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.value, d.err
}

// load waits for the fetch that is running, or starts one. The fetch outlives a caller who gives up.
func (d *document[T]) load(ctx context.Context) (T, error) {
	done := d.flight.DoChan("", func() (any, error) {
		fetchCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		value, err := d.fetch(fetchCtx)
		d.mu.Lock()
		defer d.mu.Unlock()
		if err != nil {
			d.tried, d.err = d.now(), err
			return value, err
		}
		d.value, d.fetched, d.tried, d.err = value, d.now(), time.Time{}, nil
		return value, nil
	})
	var none T
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-done:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(T), nil
	}
}
