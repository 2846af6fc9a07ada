package sessions

import (
	"errors"
	"testing"
	"time"
)

var t0 = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestDecideRefresh(t *testing.T) {
	rotating := RefreshPolicy{Rotating: true, Leeway: 10 * time.Second, Lifetime: time.Hour, Idle: 10 * time.Minute}
	head := RefreshToken{GrantID: "g", Generation: 3, IssuedAt: t0, ExpiresAt: t0.Add(time.Hour), IdleExpiresAt: t0.Add(10 * time.Minute)}
	retired := func(generation int, ago time.Duration, now time.Time) RefreshToken {
		token := head
		token.Generation, token.RetiredAt = generation, now.Add(-ago)
		return token
	}
	at := t0.Add(time.Minute)
	tests := []struct {
		name    string
		family  Family
		policy  RefreshPolicy
		now     time.Time
		err     error
		revoke  bool
		nextGen int
	}{
		{"the head is exchanged", Family{Token: head, Current: 3}, rotating, at, nil, false, 4},
		{"idle for too long", Family{Token: head, Current: 3}, rotating, t0.Add(10 * time.Minute), ErrNotFound, false, 0},
		{"older than the absolute lifetime", Family{Token: head, Current: 3}, RefreshPolicy{Rotating: true}, t0.Add(time.Hour), ErrNotFound, false, 0},
		{"predecessor within the leeway", Family{Token: retired(2, 9*time.Second, at), Current: 3}, rotating, at, nil, false, 3},
		{"predecessor at the end of the leeway", Family{Token: retired(2, 10*time.Second, at), Current: 3}, rotating, at, ErrReuse, true, 0},
		{"replaced sibling within the leeway", Family{Token: retired(3, time.Second, at), Current: 3}, rotating, at, nil, false, 4},
		{"two generations back within the leeway", Family{Token: retired(1, time.Second, at), Current: 3}, rotating, at, ErrReuse, true, 0},
		{"predecessor without leeway", Family{Token: retired(2, 0, at), Current: 3}, RefreshPolicy{Rotating: true}, at, ErrReuse, true, 0},
		{"retired by a node whose clock is ahead", Family{Token: retired(2, -time.Second, at), Current: 3}, rotating, at, nil, false, 3},
		{"the same without leeway", Family{Token: retired(2, -time.Second, at), Current: 3}, RefreshPolicy{Rotating: true}, at, ErrReuse, true, 0},
		{"non-rotating", Family{Token: head, Current: 3}, RefreshPolicy{Idle: time.Minute}, at, nil, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecideRefresh(tt.family, tt.policy, [32]byte{9}, tt.now)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if got.Revoke != tt.revoke {
				t.Errorf("revoke %v, want %v", got.Revoke, tt.revoke)
			}
			if gen := generation(got.Next); gen != tt.nextGen {
				t.Errorf("next generation %d, want %d", gen, tt.nextGen)
			}
			if tt.err == nil && !tt.policy.Rotating && (got.Touch == nil || !got.Touch.LastUsedAt.Equal(tt.now)) {
				t.Errorf("a non-rotating token must be touched, got %+v", got.Touch)
			}
			if got.Next != nil && !got.Next.ExpiresAt.Equal(head.ExpiresAt) {
				t.Errorf("rotation moved the absolute end to %v", got.Next.ExpiresAt)
			}
		})
	}
}

func generation(token *RefreshToken) int {
	if token == nil {
		return 0
	}
	return token.Generation
}
