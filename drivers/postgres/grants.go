package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/sessions"
)

// grants keeps grants with their refresh tokens. A revoked grant loses its tokens and its content; its row stays until it
// would have ended, so that none is created under its id and askers hear why.
type grants struct{ *Tenant }

var _ sessions.Grants = grants{}

// CreateGrant may take the place of a revoked grant that has ended.
func (g grants) CreateGrant(ctx context.Context, grant sessions.Grant, first *sessions.RefreshToken) error {
	doc, err := encode(grant)
	if err != nil {
		return fmt.Errorf("grant can't be stored: %w", err)
	}
	id := column(grant.ID)
	steps := []step{{
		text: `INSERT INTO grants (tenant, id, user_id, client_id, expires_at, doc) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (id, tenant) DO UPDATE SET user_id = excluded.user_id, client_id = excluded.client_id,
				expires_at = excluded.expires_at, doc = excluded.doc, revoked = false
			WHERE grants.revoked AND grants.expires_at > 0 AND grants.expires_at <= $7`,
		args: []any{
			g.key, id, column(grant.UserID), column(grant.ClientID), micros(grant.ExpiresAt), doc, micros(g.db.now()),
		},
		changed: orExists,
	}}
	if first != nil {
		steps = append(steps, g.insertToken(id, *first))
	}
	return g.db.transact(ctx, func(s *session) error {
		err := s.pipeline(ctx, steps)
		if !errors.Is(err, sessions.ErrExists) {
			return err
		}
		var revoked bool
		err = s.one(ctx, "SELECT revoked FROM grants WHERE tenant = $1 AND id = $2", []any{g.key, id}, &revoked)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return sessions.ErrExists // it was the token that exists
		case err != nil:
			return err
		case revoked:
			return sessions.ErrRevoked
		}
		return sessions.ErrExists
	})
}

// orExists is for insertions that do nothing where there is a row already.
func orExists(rows int64) error {
	if rows == 0 {
		return sessions.ErrExists
	}
	return nil
}

func (g grants) GetGrant(ctx context.Context, id string) (sessions.Grant, error) {
	var doc []byte
	var revoked bool
	var expires int64
	err := g.db.read(ctx, func(s *session) error {
		return s.one(ctx, "SELECT doc, revoked, expires_at FROM grants WHERE tenant = $1 AND id = $2",
			[]any{g.key, column(id)}, &doc, &revoked, &expires)
	})
	switch {
	case err != nil:
		return sessions.Grant{}, notFound(err)
	case revoked && expires > 0 && expires <= micros(g.db.now()):
		return sessions.Grant{}, sessions.ErrNotFound
	case revoked:
		return sessions.Grant{}, sessions.ErrRevoked
	}
	return decodeGrant(doc)
}

func (g grants) RevokeGrant(ctx context.Context, id string, expires time.Time) error {
	return g.db.transact(ctx, func(s *session) error { return g.revoke(ctx, s, column(id), micros(expires)) })
}

// revoke keeps the later of the two ends. The tokens go in a statement of their own, which sees what was committed while
// the first one waited.
func (g grants) revoke(ctx context.Context, s *session, id string, expires int64) error {
	return s.pipeline(ctx, []step{
		{text: `INSERT INTO grants (tenant, id, user_id, client_id, expires_at, doc, revoked) VALUES ($1, $2, '', '', $3, '', true)
			ON CONFLICT (id, tenant) DO UPDATE SET user_id = '', client_id = '', doc = '', revoked = true,
				expires_at = CASE WHEN grants.expires_at = 0 OR excluded.expires_at = 0 THEN 0
					ELSE greatest(grants.expires_at, excluded.expires_at) END`, args: []any{g.key, id, expires}},
		{text: "DELETE FROM refresh_tokens WHERE tenant = $1 AND grant_id = $2", args: []any{g.key, id}},
	})
}

func (g grants) RevokeGrantsOf(ctx context.Context, userID, clientID string) (revoked int, err error) {
	if userID == "" && clientID == "" {
		return 0, errors.New("revoking grants needs a user or a client")
	}
	where, args := "tenant = $1 AND user_id = $2 AND client_id = $3", []any{g.key, column(userID), column(clientID)}
	switch {
	case clientID == "":
		where, args = "tenant = $1 AND user_id = $2", []any{g.key, column(userID)}
	case userID == "":
		where, args = "tenant = $1 AND client_id = $2", []any{g.key, column(clientID)}
	}
	// Rows are locked in one order, so that two of these don't wait for each other crosswise.
	text := "WITH found AS MATERIALIZED (SELECT tenant, id FROM grants WHERE " + where + ` AND NOT revoked ORDER BY id FOR UPDATE)
		UPDATE grants AS g SET user_id = '', client_id = '', doc = '', revoked = true
		FROM found WHERE g.tenant = found.tenant AND g.id = found.id RETURNING g.id`
	err = g.db.transact(ctx, func(s *session) error {
		ids := []string{}
		err := s.each(ctx, text, args, func(rows pgx.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		revoked = len(ids)
		if err != nil || revoked == 0 {
			return err
		}
		_, err = s.run(ctx, "DELETE FROM refresh_tokens WHERE tenant = $1 AND grant_id = ANY($2)", g.key, ids)
		return err
	})
	if err != nil {
		return 0, err
	}
	return revoked, nil
}

func decodeGrant(doc []byte) (sessions.Grant, error) {
	var grant sessions.Grant
	if err := decode(doc, &grant); err != nil {
		return sessions.Grant{}, fmt.Errorf("stored grant: %w", err)
	}
	return grant, nil
}
