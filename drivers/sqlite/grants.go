package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

// grants keeps grants with their refresh tokens. A revoked grant is removed with its tokens; its id stays in revocations.
type grants struct{ *Tenant }

var _ sessions.Grants = grants{}

func (g grants) CreateGrant(ctx context.Context, grant sessions.Grant, first *sessions.RefreshToken) error {
	doc, err := json.Marshal(grant)
	if err != nil {
		return fmt.Errorf("grant can't be stored: %w", err)
	}
	return g.db.transact(ctx, func(s *session) error {
		if err := g.checkRevoked(ctx, s, grant.ID); err != nil {
			return err
		}
		n, err := run(ctx, s, `INSERT INTO grants (tenant, id, user_id, client_id, expires_at, doc) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`,
			g.name, grant.ID, grant.UserID, grant.ClientID, micros(grant.ExpiresAt), string(doc))
		if err != nil {
			return err
		}
		if n == 0 {
			return sessions.ErrExists
		}
		if first == nil {
			return nil
		}
		return g.insertToken(ctx, s, grant.ID, *first)
	})
}

func (g grants) GetGrant(ctx context.Context, id string) (grant sessions.Grant, err error) {
	var doc []byte
	err = g.db.read(ctx, func(on statements) error {
		err := one(ctx, on, "SELECT doc FROM grants WHERE tenant = ? AND id = ?", []any{g.name, id}, &doc)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := g.checkRevoked(ctx, on, id); err != nil {
			return err
		}
		return sessions.ErrNotFound
	})
	if err != nil {
		return sessions.Grant{}, err
	}
	return decodeGrant(doc)
}

// checkRevoked returns ErrRevoked where the id was revoked and that is to be remembered still.
func (g grants) checkRevoked(ctx context.Context, on statements, id string) error {
	var n int
	err := one(ctx, on, `SELECT count(*) FROM revocations
		WHERE tenant = ? AND grant_id = ? AND (expires_at = 0 OR expires_at > ?)`,
		[]any{g.name, id, micros(g.db.now())}, &n)
	if err == nil && n > 0 {
		return sessions.ErrRevoked
	}
	return err
}

func (g grants) RevokeGrant(ctx context.Context, id string, expires time.Time) error {
	return g.db.transact(ctx, func(s *session) error { return g.revoke(ctx, s, id, micros(expires)) })
}

// remembered keeps the later end where an id was revoked before.
const remembered = ` ON CONFLICT DO UPDATE SET
	expires_at = iif(expires_at = 0 OR excluded.expires_at = 0, 0, max(expires_at, excluded.expires_at))`

// revoke removes the grant and remembers its id until the later of expires and the grant's own end.
func (g grants) revoke(ctx context.Context, s *session, id string, expires int64) error {
	var end int64
	err := one(ctx, s, "DELETE FROM grants WHERE tenant = ? AND id = ? RETURNING expires_at", []any{g.name, id}, &end)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		end = expires
	case err != nil:
		return err
	}
	_, err = run(ctx, s, "INSERT INTO revocations (tenant, grant_id, expires_at) VALUES (?, ?, ?)"+remembered,
		g.name, id, later(expires, end))
	return err
}

// later of two ends, where 0 is never.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

func (g grants) RevokeGrantsOf(ctx context.Context, userID, clientID string) (int, error) {
	if userID == "" && clientID == "" {
		return 0, errors.New("revoking grants needs a user or a client")
	}
	where, args := " WHERE tenant = ? AND user_id = ? AND client_id = ?", []any{g.name, userID, clientID}
	switch {
	case clientID == "":
		where, args = " WHERE tenant = ? AND user_id = ?", []any{g.name, userID}
	case userID == "":
		where, args = " WHERE tenant = ? AND client_id = ?", []any{g.name, clientID}
	}
	var revoked int64
	err := g.db.transact(ctx, func(s *session) error {
		_, err := run(ctx, s, `INSERT INTO revocations (tenant, grant_id, expires_at)
			SELECT tenant, id, expires_at FROM grants`+where+remembered, args...)
		if err != nil {
			return err
		}
		revoked, err = run(ctx, s, "DELETE FROM grants"+where, args...)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(revoked), nil
}

func decodeGrant(doc []byte) (sessions.Grant, error) {
	var grant sessions.Grant
	if err := decode(doc, &grant); err != nil {
		return sessions.Grant{}, fmt.Errorf("stored grant: %w", err)
	}
	return grant, nil
}
