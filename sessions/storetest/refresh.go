package storetest

import (
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

func findRefresh(f fixture) {
	grant, first := f.family(1, "g")
	f.same("family", f.find(key(1)), sessions.Family{Grant: grant, Token: first, Current: 1})
	_, err := f.a.Grants.FindRefresh(f.Context(), key(2))
	f.is("unknown token", err, sessions.ErrNotFound)
	f.is("exchange of an unknown token", f.exchange(key(2), sessions.Exchange{}), sessions.ErrNotFound)
	f.ok(f.exchange(key(1), sessions.Exchange{})) // deciding nothing changes nothing
	f.same("family", f.find(key(1)), sessions.Family{Grant: grant, Token: first, Current: 1})
}

func rotate(f fixture) {
	grant, first := f.family(1, "g")
	f.clock.pass(time.Minute)
	second := f.token(2, "g", 2)
	f.ok(f.exchange(key(1), sessions.Exchange{Next: &second}))
	first.RetiredAt = second.IssuedAt
	f.same("first", f.find(key(1)), sessions.Family{Grant: grant, Token: first, Current: 2})
	f.same("second", f.find(key(2)), sessions.Family{Grant: grant, Token: second, Current: 2})

	// The first token again, within a leeway: its other successor shares the generation and retires the second.
	f.clock.pass(time.Second)
	twin := f.token(3, "g", 2)
	f.ok(f.exchange(key(1), sessions.Exchange{Next: &twin}))
	second.RetiredAt = twin.IssuedAt
	f.same("first keeps its time", f.find(key(1)).Token, first)
	f.same("second", f.find(key(2)).Token, second)
	f.same("twin", f.find(key(3)), sessions.Family{Grant: grant, Token: twin, Current: 2})

	f.clock.pass(time.Second)
	double := f.token(1, "g", 3)
	f.is("a token that exists", f.exchange(key(3), sessions.Exchange{Next: &double}), sessions.ErrExists)
	f.same("twin after a failed exchange", f.find(key(3)).Token, twin)

	f.family(9, "h")
	f.same("another family", f.find(key(9)).Current, 1)
}

func touch(f fixture) {
	grant, first := f.family(1, "g")
	f.clock.pass(time.Minute)
	touched := first
	touched.LastUsedAt, touched.IdleExpiresAt = f.clock.now(), f.in(90*time.Minute)
	change := touched
	change.Generation, change.ExpiresAt, change.IssuedAt = 7, time.Time{}, f.in(time.Hour) // these don't count
	f.ok(f.exchange(key(1), sessions.Exchange{Touch: &change}))
	f.same("touched token", f.find(key(1)), sessions.Family{Grant: grant, Token: touched, Current: 1})
	f.clock.pass(80 * time.Minute) // past the first idle end
	n, err := f.a.Purger.Purge(f.Context(), f.clock.now(), 10)
	f.ok(err)
	f.same("purged", n, 0)
}

func setClaims(f fixture) {
	grant, first := f.family(1, "g")
	grant.IDClaims = map[string]any{"n": json.Number("9007199254740993")}
	grant.AccessClaims = map[string]any{"roles": []any{"admin"}}
	second := f.token(2, "g", 2)
	f.ok(f.exchange(key(1), sessions.Exchange{
		Next: &second, Claims: &sessions.Claims{ID: grant.IDClaims, Access: grant.AccessClaims},
	}))
	first.RetiredAt = second.IssuedAt
	f.same("family", f.find(key(1)), sessions.Family{Grant: grant, Token: first, Current: 2})
	f.ok(f.exchange(key(2), sessions.Exchange{})) // nil claims keep them
	got, err := f.a.Grants.GetGrant(f.Context(), "g")
	f.ok(err)
	f.same("grant", got, grant)
	f.ok(f.exchange(key(2), sessions.Exchange{Claims: &sessions.Claims{}}))
	grant.IDClaims, grant.AccessClaims = nil, nil
	f.same("grant", f.find(key(2)).Grant, grant)
}

func exchangeRevokes(f fixture) {
	f.family(1, "g")
	second := f.token(2, "g", 2)
	f.ok(f.exchange(key(1), sessions.Exchange{Next: &second}))
	third := f.token(3, "g", 3)
	f.ok(f.exchange(key(1), sessions.Exchange{Revoke: true, Next: &third, Claims: &sessions.Claims{}}))
	for n := byte(1); n <= 3; n++ {
		_, err := f.a.Grants.FindRefresh(f.Context(), key(n))
		f.is("token", err, sessions.ErrNotFound)
	}
	_, err := f.a.Grants.GetGrant(f.Context(), "g")
	f.is("grant", err, sessions.ErrRevoked)
}

func decideFails(f fixture) {
	grant, first := f.family(1, "g")
	second := f.token(2, "g", 2)
	refused := errors.New("refused")
	err := f.a.Grants.ExchangeRefresh(f.Context(), key(1), func(sessions.Family) (sessions.Exchange, error) {
		return sessions.Exchange{Next: &second, Revoke: true}, refused
	})
	f.is("ExchangeRefresh", err, refused)
	func() {
		defer func() {
			if recover() == nil {
				f.Error("the panic was swallowed")
			}
		}()
		err := f.a.Grants.ExchangeRefresh(f.Context(), key(1), func(sessions.Family) (sessions.Exchange, error) {
			panic("decide panics")
		})
		f.Errorf("ExchangeRefresh returned %v", err)
	}()
	f.same("family", f.find(key(1)), sessions.Family{Grant: grant, Token: first, Current: 1})
	f.ok(f.exchange(key(1), sessions.Exchange{Next: &second}))
}

// exchangeRace presents one token 64 times at once. Whoever sees it retired sees a reuse; so exactly one may rotate it, and
// the family has one head.
func exchangeRace(f fixture) {
	f.family(255, "g")
	var wait sync.WaitGroup
	var mu sync.Mutex
	rotated := []byte{}
	reused := errors.New("reused")
	start := make(chan struct{})
	for n := range byte(64) {
		wait.Go(func() {
			<-start
			next := f.token(n, "g", 2)
			err := f.a.Grants.ExchangeRefresh(f.Context(), key(255), func(family sessions.Family) (sessions.Exchange, error) {
				if !family.Token.RetiredAt.IsZero() {
					return sessions.Exchange{}, reused
				}
				return sessions.Exchange{Next: &next}, nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				rotated = append(rotated, n)
				return
			}
			f.is("loser", err, reused)
		})
	}
	close(start)
	wait.Wait()
	if len(rotated) != 1 {
		f.Fatalf("%d exchanges rotated the token, want 1", len(rotated))
	}

	// Rotations that go on regardless, as within a leeway, leave one head, too.
	head := rotated[0]
	for n := byte(64); n < 128; n++ {
		wait.Go(func() {
			next := f.token(n, "g", 3)
			if err := f.exchange(key(head), sessions.Exchange{Next: &next}); err != nil {
				f.Errorf("exchange: %v", err)
			}
		})
	}
	wait.Wait()
	heads := 0
	for n := byte(64); n < 128; n++ {
		if f.find(key(n)).Token.RetiredAt.IsZero() {
			heads++
		}
	}
	f.same("heads", heads, 1)
	f.same("present generation", f.find(key(255)).Current, 3)
}
