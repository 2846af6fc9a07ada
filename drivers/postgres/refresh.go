package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/sessions"
)

func (g grants) FindRefresh(ctx context.Context, hash [32]byte) (family sessions.Family, err error) {
	err = g.db.read(ctx, func(s *session) error {
		family, err = g.family(ctx, s, hash, nil)
		return err
	})
	return family, err
}

// family is one statement, so that it shows one state. It is run after the steps before.
func (g grants) family(ctx context.Context, s *session, hash [32]byte, before []step) (sessions.Family, error) {
	f := sessions.Family{Token: sessions.RefreshToken{Hash: hash}}
	t := &f.Token
	var doc []byte
	var issued, retired, used, idle, expires int64
	found := false
	err := s.pipeline(ctx, append(before, step{
		text: `SELECT g.doc, t.generation, t.issued_at, t.retired_at, t.last_used_at, t.idle_expires_at, t.expires_at,
				(SELECT max(generation) FROM refresh_tokens WHERE tenant = t.tenant AND grant_id = t.grant_id)
			FROM refresh_tokens AS t JOIN grants AS g ON g.tenant = t.tenant AND g.id = t.grant_id
			WHERE t.tenant = $1 AND t.hash = $2 AND NOT g.revoked`,
		args: []any{g.key, hash[:]},
		scan: func(rows pgx.Rows) error {
			found = true
			return rows.Scan(&doc, &t.Generation, &issued, &retired, &used, &idle, &expires, &f.Current)
		},
	}))
	if err != nil {
		return sessions.Family{}, err
	}
	if !found {
		return sessions.Family{}, sessions.ErrNotFound
	}
	t.IssuedAt, t.RetiredAt, t.LastUsedAt = fromMicros(issued), fromMicros(retired), fromMicros(used)
	t.IdleExpiresAt, t.ExpiresAt = fromMicros(idle), fromMicros(expires)
	if f.Grant, err = decodeGrant(doc); err != nil {
		return sessions.Family{}, err
	}
	t.GrantID = f.Grant.ID
	return f, nil
}

// ExchangeRefresh locks the grant's row first and reads in a second statement, which sees what was committed while the
// first one waited.
func (g grants) ExchangeRefresh(
	ctx context.Context, hash [32]byte, decide func(sessions.Family) (sessions.Exchange, error),
) error {
	return g.db.transact(ctx, func(s *session) error {
		family, err := g.family(ctx, s, hash, []step{{
			text: `SELECT 1 FROM grants AS g WHERE g.tenant = $1 AND g.id = (SELECT t.grant_id FROM refresh_tokens AS t
				WHERE t.tenant = $1 AND t.hash = $2) FOR UPDATE OF g`,
			args: []any{g.key, hash[:]},
		}})
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
	id := column(family.Grant.ID)
	if x.Revoke {
		return g.revoke(ctx, s, id, micros(family.Grant.ExpiresAt))
	}
	var steps []step
	if x.Next != nil {
		if x.Next.IssuedAt.IsZero() {
			return errors.New("a refresh token that replaces others needs IssuedAt")
		}
		steps = append(steps, step{
			text: "UPDATE refresh_tokens SET retired_at = $1 WHERE tenant = $2 AND grant_id = $3 AND retired_at = 0",
			args: []any{micros(x.Next.IssuedAt), g.key, id},
		}, g.insertToken(id, *x.Next))
	}
	if x.Touch != nil {
		steps = append(steps, g.touch(family.Token, *x.Touch))
	}
	if x.Claims != nil {
		grant := family.Grant
		grant.IDClaims, grant.AccessClaims = x.Claims.ID, x.Claims.Access
		doc, err := encode(grant)
		if err != nil {
			return fmt.Errorf("grant can't be stored: %w", err)
		}
		steps = append(steps, step{
			text: "UPDATE grants SET doc = $1 WHERE tenant = $2 AND id = $3", args: []any{doc, g.key, id},
		})
	}
	if len(steps) == 0 {
		return nil
	}
	return s.pipeline(ctx, steps)
}

// touch changes LastUsedAt and IdleExpiresAt of the presented token and nothing else.
func (g grants) touch(presented, touch sessions.RefreshToken) step {
	presented.IdleExpiresAt = touch.IdleExpiresAt
	return step{
		text: "UPDATE refresh_tokens SET last_used_at = $1, idle_expires_at = $2, ends_at = $3 WHERE tenant = $4 AND hash = $5",
		args: []any{micros(touch.LastUsedAt), micros(touch.IdleExpiresAt), endOf(presented), g.key, presented.Hash[:]},
	}
}

// insertToken adds a token to the family of the grant with this id, a column.
func (g grants) insertToken(grantID string, t sessions.RefreshToken) step {
	return step{
		text: `INSERT INTO refresh_tokens (tenant, hash, grant_id, generation, issued_at, retired_at, last_used_at,
				idle_expires_at, expires_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (hash, tenant) DO NOTHING`,
		args: []any{
			g.key, t.Hash[:], grantID, t.Generation, micros(t.IssuedAt), micros(t.RetiredAt), micros(t.LastUsedAt),
			micros(t.IdleExpiresAt), micros(t.ExpiresAt), endOf(t),
		},
		changed: orExists,
	}
}

// endOf is the earlier of the token's two ends; 0: never.
func endOf(t sessions.RefreshToken) int64 {
	idle, end := micros(t.IdleExpiresAt), micros(t.ExpiresAt)
	if idle == 0 || end == 0 {
		return max(idle, end)
	}
	return min(idle, end)
}
