// Package storetest holds every driver of sessions to what [sessions.Ephemeral], [sessions.Grants] and [sessions.Purger]
// say. A driver's test calls Run with a function that opens two tenants of a fresh database; nothing of one may be seen in
// the other. Times are compared to the microsecond. A driver that keeps short-lived items only calls RunEphemeral.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/sessions"
)

// Stores are one tenant's stores.
type Stores struct {
	Ephemeral sessions.Ephemeral
	Grants    sessions.Grants
	Purger    sessions.Purger
}

// Open returns the stores of two tenants over one new, empty database that goes by the clock and is closed when the test
// ends.
type Open func(t *testing.T, now func() time.Time) (a, b Stores)

// OpenEphemeral is [Open] for a driver that keeps short-lived items only.
type OpenEphemeral func(t *testing.T, now func() time.Time) (a, b sessions.Ephemeral)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fixture is what each test works with.
type fixture struct {
	*testing.T
	a, b  Stores
	clock *clock
}

// in is a time from now.
func (f fixture) in(d time.Duration) time.Time { return f.clock.now().Add(d) }

func (f fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f fixture) is(what string, got, want error) {
	f.Helper()
	if !errors.Is(got, want) {
		f.Errorf("%s: error is %v, want %v", what, got, want)
	}
}

func (f fixture) same(what string, got, want any) {
	f.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// named is one test of the suite.
type named struct {
	name string
	test func(f fixture)
}

// Run runs the suite.
func Run(t *testing.T, open Open) { run(t, open, append(ofEphemeral(), ofGrants()...)) }

// RunEphemeral runs what the suite says about [sessions.Ephemeral].
func RunEphemeral(t *testing.T, open OpenEphemeral) {
	run(t, func(t *testing.T, now func() time.Time) (Stores, Stores) {
		a, b := open(t, now)
		return Stores{Ephemeral: a}, Stores{Ephemeral: b}
	}, ofEphemeral())
}

func run(t *testing.T, open Open, tests []named) {
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			clock := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)}
			a, b := open(t, clock.now)
			c.test(fixture{t, a, b, clock})
		})
	}
}

// ofEphemeral are the tests that need no other store.
func ofEphemeral() []named {
	return []named{
		{"an item comes back as stored", itemRoundTrip},
		{"insert refuses what is there", insertExists},
		{"replace gives an item a new value and end", replaceItem},
		{"replace revives nothing", replaceRefused},
		{"an item that is taken amid 32 replacements stays taken", replaceTakeRace},
		{"an item that is deleted amid 32 replacements stays deleted", replaceDeleteRace},
		{"kinds are apart", kindsApart},
		{"an item is taken once", takeOnce},
		{"of 32 takers one wins", takeRace},
		{"of 32 inserters one wins", insertRace},
		{"an expired item does not exist", itemExpiry},
		{"items are deleted by key and by owner", itemDelete},
		{"an owner comes back after a deletion", ownerReturns},
		{"tenants' items are apart", itemTenants},
		{"an ended context changes no item", cancelledChange},
	}
}

func ofGrants() []named {
	return []named{
		{"a grant comes back as stored", grantRoundTrip},
		{"a grant is created once", grantExists},
		{"a revoked grant is gone with its tokens", revoke},
		{"a grant that was revoked before is not created", revokeBefore},
		{"a revocation lasts as long as the grant would have", revokeLasts},
		{"all grants of a user or a client are revoked", revokeOf},
		{"a refresh token is found with its family", findRefresh},
		{"a rotation retires every head", rotate},
		{"a token is touched", touch},
		{"an exchange sets claims", setClaims},
		{"an exchange revokes", exchangeRevokes},
		{"a decision's error or panic stores nothing", decideFails},
		{"of 64 exchanges each sees the others", exchangeRace},
		{"tenants' grants are apart", grantTenants},
		{"purge removes what ended and no more than asked", purge},
		{"purge leaves what can still be valid", purgeKeeps},
		{"purge leaves other tenants' items", purgeTenants},
		{"an ended context stores nothing", cancelled},
	}
}

func key(n byte) [32]byte { return [32]byte{0: n, 31: 0xff} }

func (f fixture) item(kind sessions.Kind, n byte) sessions.Item {
	return sessions.Item{Kind: kind, Key: key(n), Owner: "auth0|1", Value: []byte{0, n, 0xff, '"'}, ExpiresAt: f.in(time.Hour)}
}

func itemRoundTrip(f fixture) {
	huge := f.item(sessions.KindSession, 2)
	huge.Value = make([]byte, 1<<16)
	huge.Value[1<<15] = 1
	bare := sessions.Item{Kind: sessions.KindUpstream, Key: key(3), ExpiresAt: f.in(time.Minute)}
	odd := f.item(sessions.KindSession, 4)
	odd.Owner = "oidc|a|\x00b'\"😀"
	for _, item := range []sessions.Item{f.item(sessions.KindTransaction, 1), huge, bare, odd} {
		f.ok(f.a.Ephemeral.Insert(f.Context(), item))
		for range 2 { // getting takes nothing
			got, err := f.a.Ephemeral.Get(f.Context(), item.Kind, item.Key)
			f.ok(err)
			f.same("item", got, item)
		}
	}
	_, err := f.a.Ephemeral.Get(f.Context(), sessions.KindSession, key(9))
	f.is("Get of nothing", err, sessions.ErrNotFound)
	_, err = f.a.Ephemeral.Take(f.Context(), sessions.KindSession, key(9))
	f.is("Take of nothing", err, sessions.ErrNotFound)
}

func insertExists(f fixture) {
	item := f.item(sessions.KindAssertion, 1)
	f.ok(f.a.Ephemeral.Insert(f.Context(), item))
	other := item
	other.Value = []byte("other")
	f.is("second Insert", f.a.Ephemeral.Insert(f.Context(), other), sessions.ErrExists)
	got, err := f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.same("item", got, item)
	f.is("Insert over a taken item", f.a.Ephemeral.Insert(f.Context(), other), sessions.ErrExists)
	f.clock.pass(time.Hour)
	other.ExpiresAt = f.in(time.Hour)
	f.ok(f.a.Ephemeral.Insert(f.Context(), other)) // the expired one doesn't exist
	got, err = f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.same("item", got, other)
}

func kindsApart(f fixture) {
	f.ok(f.a.Ephemeral.Insert(f.Context(), f.item(sessions.KindCode, 1)))
	_, err := f.a.Ephemeral.Get(f.Context(), sessions.KindSession, key(1))
	f.is("Get as another kind", err, sessions.ErrNotFound)
	_, err = f.a.Ephemeral.Take(f.Context(), sessions.KindTransaction, key(1))
	f.is("Take as another kind", err, sessions.ErrNotFound)
	f.ok(f.a.Ephemeral.Insert(f.Context(), f.item(sessions.KindSession, 1)))
	f.ok(f.a.Ephemeral.Delete(f.Context(), sessions.KindSession, key(1)))
	_, err = f.a.Ephemeral.Get(f.Context(), sessions.KindCode, key(1))
	f.ok(err)
}

func takeOnce(f fixture) {
	item := f.item(sessions.KindCode, 1)
	f.ok(f.a.Ephemeral.Insert(f.Context(), item))
	got, err := f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.same("taken item", got, item)
	for range 2 {
		got, err = f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
		f.is("second Take", err, sessions.ErrTaken)
		f.same("item taken before", got, item)
	}
	_, err = f.a.Ephemeral.Get(f.Context(), item.Kind, item.Key)
	f.is("Get of a taken item", err, sessions.ErrNotFound)
	f.clock.pass(time.Hour)
	_, err = f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
	f.is("Take after expiry", err, sessions.ErrNotFound)
}

// race runs try 32 times at once and returns how many calls had no error; the others must have had lost.
func (f fixture) race(lost error, try func() error) int {
	var wait sync.WaitGroup
	var mu sync.Mutex
	won := 0
	start := make(chan struct{})
	for range 32 {
		wait.Go(func() {
			<-start
			err := try()
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
				return
			}
			f.is("loser", err, lost)
		})
	}
	close(start)
	wait.Wait()
	return won
}

func takeRace(f fixture) {
	for n := range byte(4) {
		f.ok(f.a.Ephemeral.Insert(f.Context(), f.item(sessions.KindCode, n)))
		won := f.race(sessions.ErrTaken, func() error {
			_, err := f.a.Ephemeral.Take(f.Context(), sessions.KindCode, key(n))
			return err
		})
		f.same("winners", won, 1)
	}
}

func insertRace(f fixture) {
	won := f.race(sessions.ErrExists, func() error {
		return f.a.Ephemeral.Insert(f.Context(), f.item(sessions.KindAssertion, 1))
	})
	f.same("winners", won, 1)
}

func itemExpiry(f fixture) {
	item := f.item(sessions.KindSession, 1)
	f.ok(f.a.Ephemeral.Insert(f.Context(), item))
	f.clock.pass(time.Hour - time.Microsecond)
	_, err := f.a.Ephemeral.Get(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.clock.pass(time.Microsecond)
	_, err = f.a.Ephemeral.Get(f.Context(), item.Kind, item.Key)
	f.is("Get at the end", err, sessions.ErrNotFound)
	_, err = f.a.Ephemeral.Take(f.Context(), item.Kind, item.Key)
	f.is("Take at the end", err, sessions.ErrNotFound)
}

func itemDelete(f fixture) {
	e := f.a.Ephemeral
	f.ok(e.Delete(f.Context(), sessions.KindSession, key(1)))
	other, nobody := f.item(sessions.KindSession, 3), f.item(sessions.KindSession, 4)
	other.Owner, nobody.Owner = "auth0|1|", ""
	for _, item := range []sessions.Item{
		f.item(sessions.KindSession, 1), f.item(sessions.KindSession, 2), other, nobody, f.item(sessions.KindCode, 1),
	} {
		f.ok(e.Insert(f.Context(), item))
	}
	_, err := e.Take(f.Context(), sessions.KindSession, key(2))
	f.ok(err)
	f.ok(e.DeleteOwned(f.Context(), sessions.KindSession, "auth0|1"))
	f.ok(e.DeleteOwned(f.Context(), sessions.KindSession, ""))
	for n := byte(1); n <= 2; n++ {
		_, err := e.Take(f.Context(), sessions.KindSession, key(n))
		f.is("owned item", err, sessions.ErrNotFound)
	}
	for _, item := range []sessions.Item{other, nobody, f.item(sessions.KindCode, 1)} {
		got, err := e.Get(f.Context(), item.Kind, item.Key)
		f.ok(err)
		f.same("item of somebody else", got, item)
		f.ok(e.Delete(f.Context(), item.Kind, item.Key))
		_, err = e.Get(f.Context(), item.Kind, item.Key)
		f.is("deleted item", err, sessions.ErrNotFound)
	}
}

func itemTenants(f fixture) {
	inA, inB := f.item(sessions.KindSession, 1), f.item(sessions.KindSession, 1)
	inB.Value = []byte("b")
	f.ok(f.a.Ephemeral.Insert(f.Context(), inA))
	_, err := f.b.Ephemeral.Take(f.Context(), inA.Kind, inA.Key)
	f.is("Take in the other tenant", err, sessions.ErrNotFound)
	f.is("Replace in the other tenant", f.b.Ephemeral.Replace(f.Context(), inB), sessions.ErrNotFound)
	f.ok(f.b.Ephemeral.Insert(f.Context(), inB))
	f.ok(f.b.Ephemeral.DeleteOwned(f.Context(), sessions.KindSession, inB.Owner))
	f.ok(f.b.Ephemeral.Delete(f.Context(), sessions.KindSession, inB.Key))
	got, err := f.a.Ephemeral.Get(f.Context(), inA.Kind, inA.Key)
	f.ok(err)
	f.same("item", got, inA)
}

// ownerReturns logs a person in again after everything of theirs was removed.
func ownerReturns(f fixture) {
	e := f.a.Ephemeral
	for range 2 {
		first, second := f.item(sessions.KindSession, 1), f.item(sessions.KindSession, 2)
		f.ok(e.Insert(f.Context(), first))
		f.ok(e.Insert(f.Context(), second))
		for _, item := range []sessions.Item{first, second} {
			got, err := e.Get(f.Context(), item.Kind, item.Key)
			f.ok(err)
			f.same("item", got, item)
		}
		f.ok(e.DeleteOwned(f.Context(), sessions.KindSession, first.Owner))
		for _, item := range []sessions.Item{first, second} {
			_, err := e.Get(f.Context(), item.Kind, item.Key)
			f.is("owned item", err, sessions.ErrNotFound)
		}
	}
}

func cancelledChange(f fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	f.is("Insert", f.a.Ephemeral.Insert(ctx, f.item(sessions.KindCode, 1)), context.Canceled)
	_, err := f.a.Ephemeral.Get(f.Context(), sessions.KindCode, key(1))
	f.is("Get", err, sessions.ErrNotFound)
	item := f.item(sessions.KindSession, 2)
	f.ok(f.a.Ephemeral.Insert(f.Context(), item))
	other := item
	other.Value = []byte("other")
	f.is("Replace", f.a.Ephemeral.Replace(ctx, other), context.Canceled)
	got, err := f.a.Ephemeral.Get(f.Context(), item.Kind, item.Key)
	f.ok(err)
	f.same("item", got, item)
}
