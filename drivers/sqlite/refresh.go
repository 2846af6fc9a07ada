package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/sessions"
)

func (g grants) FindRefresh(ctx context.Context, hash [32]byte) (family sessions.Family, err error) {
	err = g.db.read(ctx, func(on statements) error {
		family, err = g.family(ctx, on, hash)
		return err
	})
	return family, err
}

// family is one statement, so that it shows one state.
func (g grants) family(ctx context.Context, on statements, hash [32]byte) (sessions.Family, error) {
	f := sessions.Family{Token: sessions.RefreshToken{Hash: hash}}
	t := &f.Token
	var doc []byte
	var issued, retired, used, idle, expires int64
	err := one(ctx, on, `SELECT g.doc, t.grant_id, t.generation, t.issued_at, t.retired_at, t.last_used_at, t.idle_expires_at,
			t.expires_at, (SELECT max(generation) FROM refresh_tokens WHERE tenant = t.tenant AND grant_id = t.grant_id)
		FROM refresh_tokens AS t JOIN grants AS g ON g.tenant = t.tenant AND g.id = t.grant_id
		WHERE t.tenant = ? AND t.hash = ?`, []any{g.name, hash[:]},
		&doc, &t.GrantID, &t.Generation, &issued, &retired, &used, &idle, &expires, &f.Current)
	if err != nil {
		return sessions.Family{}, notFound(err)
	}
	t.IssuedAt, t.RetiredAt, t.LastUsedAt = fromMicros(issued), fromMicros(retired), fromMicros(used)
	t.IdleExpiresAt, t.ExpiresAt = fromMicros(idle), fromMicros(expires)
	if f.Grant, err = decodeGrant(doc); err != nil {
		return sessions.Family{}, err
	}
	return f, nil
}

func (g grants) ExchangeRefresh(
	ctx context.Context, hash [32]byte, decide func(sessions.Family) (sessions.Exchange, error),
) error {
	return g.db.transact(ctx, func(s *session) error {
		family, err := g.family(ctx, s, hash)
		if err != nil {
			return err
		}
		exchange, err := decide(family)
		if err != nil {
			return err
		}
		return g.exchange(ctx, s, family, exchange)
	})
}

func (g grants) exchange(ctx context.Context, s *session, family sessions.Family, x sessions.Exchange) error {
	if x.Revoke {
		return g.revoke(ctx, s, family.Grant.ID, micros(family.Grant.ExpiresAt))
	}
	if x.Next != nil {
		if err := g.rotate(ctx, s, family.Grant.ID, *x.Next); err != nil {
			return err
		}
	}
	if x.Touch != nil {
		if err := g.touch(ctx, s, family.Token, *x.Touch); err != nil {
			return err
		}
	}
	if x.Claims != nil {
		return g.setClaims(ctx, s, family.Grant, *x.Claims)
	}
	return nil
}

// rotate retires the heads of the family and puts next in their place.
func (g grants) rotate(ctx context.Context, s *session, grantID string, next sessions.RefreshToken) error {
	if next.IssuedAt.IsZero() {
		return errors.New("a refresh token that replaces others needs IssuedAt")
	}
	_, err := run(ctx, s, "UPDATE refresh_tokens SET retired_at = ? WHERE tenant = ? AND grant_id = ? AND retired_at = 0",
		micros(next.IssuedAt), g.name, grantID)
	if err != nil {
		return err
	}
	return g.insertToken(ctx, s, grantID, next)
}

// touch changes LastUsedAt and IdleExpiresAt of the presented token and nothing else.
func (g grants) touch(ctx context.Context, s *session, presented, touch sessions.RefreshToken) error {
	presented.IdleExpiresAt = touch.IdleExpiresAt
	_, err := run(ctx, s, `UPDATE refresh_tokens SET last_used_at = ?, idle_expires_at = ?, ends_at = ?
		WHERE tenant = ? AND hash = ?`,
		micros(touch.LastUsedAt), micros(touch.IdleExpiresAt), endOf(presented), g.name, presented.Hash[:])
	return err
}

func (g grants) setClaims(ctx context.Context, s *session, grant sessions.Grant, claims sessions.Claims) error {
	grant.IDClaims, grant.AccessClaims = claims.ID, claims.Access
	doc, err := json.Marshal(grant)
	if err != nil {
		return fmt.Errorf("grant can't be stored: %w", err)
	}
	_, err = run(ctx, s, "UPDATE grants SET doc = ? WHERE tenant = ? AND id = ?", string(doc), g.name, grant.ID)
	return err
}

func (g grants) insertToken(ctx context.Context, s *session, grantID string, t sessions.RefreshToken) error {
	n, err := run(ctx, s, `INSERT INTO refresh_tokens (tenant, hash, grant_id, generation, issued_at, retired_at, last_used_at,
			idle_expires_at, expires_at, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		g.name, t.Hash[:], grantID, t.Generation, micros(t.IssuedAt), micros(t.RetiredAt), micros(t.LastUsedAt),
		micros(t.IdleExpiresAt), micros(t.ExpiresAt), endOf(t))
	if err == nil && n == 0 {
		return sessions.ErrExists
	}
	return err
}

// endOf is the earlier of the token's two ends; 0: never.
func endOf(t sessions.RefreshToken) int64 {
	idle, end := micros(t.IdleExpiresAt), micros(t.ExpiresAt)
	if idle == 0 || end == 0 {
		return max(idle, end)
	}
	return min(idle, end)
}
