package sessions

import (
	"errors"
	"time"
)

// ErrReuse: a refresh token was presented that another one has replaced. The family is revoked: either the token was
// stolen or its successor was (RFC 9700 §4.14.2; Auth0: Refresh Token Rotation).
var ErrReuse = errors.New("refresh token was used before")

// RefreshPolicy is a client's refresh-token setting in durations. Zero lifetimes: no end.
type RefreshPolicy struct {
	Rotating bool
	// Leeway is how long a replaced token may still be exchanged, for apps whose answer got lost.
	Leeway   time.Duration
	Lifetime time.Duration // absolute, from the first token; not extended by rotation
	Idle     time.Duration
}

// FirstToken is the token that begins a family.
func FirstToken(hash [32]byte, grantID string, policy RefreshPolicy, now time.Time) RefreshToken {
	t := RefreshToken{Hash: hash, GrantID: grantID, Generation: 1, IssuedAt: now}
	if policy.Lifetime > 0 {
		t.ExpiresAt = now.Add(policy.Lifetime)
	}
	if policy.Idle > 0 {
		t.IdleExpiresAt = now.Add(policy.Idle)
	}
	return t
}

// DecideRefresh says what becomes of a presented refresh token. next is the hash of the token to issue where the policy
// rotates. Errors: ErrNotFound for an expired token, ErrReuse together with an Exchange that revokes.
//
// A replaced token is still good within the leeway as long as nothing newer than its own successors was used: then the
// app lost an answer, and gets another successor, which replaces the lost one.
func DecideRefresh(f Family, policy RefreshPolicy, next [32]byte, now time.Time) (Exchange, error) {
	t := f.Token
	if ended(t.ExpiresAt, now) || ended(t.IdleExpiresAt, now) {
		return Exchange{}, ErrNotFound
	}
	if !t.RetiredAt.IsZero() && !withinLeeway(f, policy, now) {
		return Exchange{Revoke: true}, ErrReuse
	}
	if !policy.Rotating {
		t.LastUsedAt = now
		t.IdleExpiresAt = idleEnd(policy, now)
		return Exchange{Touch: &t}, nil
	}
	successor := RefreshToken{
		Hash: next, GrantID: t.GrantID, Generation: t.Generation + 1, IssuedAt: now,
		ExpiresAt: t.ExpiresAt, IdleExpiresAt: idleEnd(policy, now),
	}
	return Exchange{Next: &successor}, nil
}

// withinLeeway also sees times before the retirement: two nodes exchange the token at once, and the one that came second had
// looked at its clock first, or the clocks differ. Without a leeway there is no such mercy.
func withinLeeway(f Family, policy RefreshPolicy, now time.Time) bool {
	recent := policy.Leeway > 0 && now.Sub(f.Token.RetiredAt) < policy.Leeway
	return recent && f.Current-f.Token.Generation <= 1
}

func ended(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

func idleEnd(policy RefreshPolicy, now time.Time) time.Time {
	if policy.Idle <= 0 {
		return time.Time{}
	}
	return now.Add(policy.Idle)
}
