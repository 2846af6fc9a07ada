package connectors

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestDocumentLife(t *testing.T) {
	clock := &testClock{at: now}
	fetches, down := 0, false
	d := document[int]{now: clock.now, fetch: func(context.Context) (int, error) {
		fetches++
		if down {
			return 0, errors.New("down")
		}
		return fetches, nil
	}}
	step := func(what string, want, wantFetches int, wantErr bool) {
		t.Helper()
		got, err := d.get(t.Context())
		if got != want || fetches != wantFetches || (err != nil) != wantErr {
			t.Errorf("%s: got %d after %d fetches (%v), want %d after %d", what, got, fetches, err, want, wantFetches)
		}
	}
	down = true
	step("provider down from the start", 0, 1, true)
	step("asked again at once", 0, 1, true)
	clock.advance(retryInterval)
	down = false
	step("back", 2, 2, false)
	clock.advance(documentTTL - time.Second)
	step("within the hour", 2, 2, false)
	clock.advance(time.Second)
	step("after the hour", 3, 3, false)
	down = true
	clock.advance(documentTTL)
	step("down: the old one serves", 3, 4, false)
	step("down: not asked at every login", 3, 4, false)
	clock.advance(retryInterval)
	step("down: asked now and then", 3, 5, false)
	clock.advance(staleTTL)
	step("down for a day", 0, 6, true)
}

func TestDocumentIsFetchedOnceForAll(t *testing.T) {
	clock := &testClock{at: now}
	release, started := make(chan struct{}), make(chan struct{}, 100)
	d := document[int]{now: clock.now, fetch: func(context.Context) (int, error) {
		started <- struct{}{}
		<-release
		return 7, nil
	}}
	impatient, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := d.get(impatient); gone <- err }()
	<-started
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if v, err := d.get(t.Context()); v != 7 || err != nil {
				t.Errorf("got %d, %v", v, err)
			}
		})
	}
	close(release)
	wg.Wait()
	if len(started) > 1 {
		t.Errorf("%d fetches more", len(started))
	}
}

// When a provider changes its keys, everybody who logs in at that moment gets the new ones, by one fetch.
func TestDocumentIsRenewedOnceForAll(t *testing.T) {
	clock := &testClock{at: now}
	fetches, release := 0, make(chan struct{})
	d := document[int]{now: clock.now, fetch: func(context.Context) (int, error) {
		fetches++
		if fetches > 1 {
			<-release
		}
		if fetches == 3 {
			return 0, errors.New("down")
		}
		return fetches, nil
	}}
	if v, err := d.get(t.Context()); v != 1 || err != nil {
		t.Fatalf("got %d, %v", v, err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.renew(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if v, err := d.renew(t.Context()); v != 2 || err != nil {
				t.Errorf("renewed to %d, %v", v, err)
			}
		})
	}
	close(release)
	wg.Wait()
	if v, err := d.renew(t.Context()); v != 2 || err != nil || fetches != 2 {
		t.Errorf("within the minute: %d, %v after %d fetches", v, err, fetches)
	}
	clock.advance(renewInterval)
	if _, err := d.renew(t.Context()); err == nil || fetches != 3 {
		t.Errorf("a minute later the provider is down: %v after %d fetches", err, fetches)
	}
	if v, err := d.get(t.Context()); v != 2 || err != nil {
		t.Errorf("what there was serves on: %d, %v", v, err)
	}
}
