package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/sessions"
)

// ephemeral keeps short-lived items. What changes one is one statement, so it is atomic.
type ephemeral struct{ *Tenant }

var _ sessions.Ephemeral = ephemeral{}

func (e ephemeral) Insert(ctx context.Context, item sessions.Item) error {
	n, err := e.alter(ctx, false, `INSERT INTO ephemeral (tenant, kind, key, owner, owner_key, value, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (key, kind, tenant) DO UPDATE SET owner = excluded.owner, owner_key = excluded.owner_key,
			value = excluded.value, expires_at = excluded.expires_at, taken = false
		WHERE ephemeral.expires_at <= $8`,
		e.key, string(item.Kind), item.Key[:], []byte(item.Owner), column(item.Owner), notNil(item.Value),
		micros(item.ExpiresAt), micros(e.db.now()))
	if err == nil && n == 0 {
		return sessions.ErrExists
	}
	return err
}

// Replace is repeated where the connection was lost: what came in between is looked at again.
func (e ephemeral) Replace(ctx context.Context, item sessions.Item) error {
	n, err := e.alter(ctx, true, `UPDATE ephemeral SET value = $5, expires_at = $6
		WHERE tenant = $1 AND kind = $2 AND key = $3 AND owner = $4 AND NOT taken AND expires_at > $7`,
		e.key, string(item.Kind), item.Key[:], []byte(item.Owner), notNil(item.Value), micros(item.ExpiresAt), micros(e.db.now()))
	if err == nil && n == 0 {
		return sessions.ErrNotFound
	}
	return err
}

func (e ephemeral) Get(ctx context.Context, kind sessions.Kind, key [32]byte) (item sessions.Item, err error) {
	err = e.db.read(ctx, func(s *session) error {
		item, err = e.one(ctx, s, kind, key, `SELECT owner, value, expires_at FROM ephemeral
			WHERE tenant = $1 AND kind = $2 AND key = $3 AND NOT taken AND expires_at > $4`)
		return err
	})
	return item, err
}

// Take is not repeated where the connection was lost: the item may be taken already, and whoever asks again must not get it.
func (e ephemeral) Take(ctx context.Context, kind sessions.Kind, key [32]byte) (item sessions.Item, err error) {
	err = e.db.repeat(ctx, func(limit context.Context) (int, error) {
		return e.db.single(ctx, limit, false, func(s *session) error {
			item, err = e.one(ctx, s, kind, key, `UPDATE ephemeral SET taken = true
				WHERE tenant = $1 AND kind = $2 AND key = $3 AND NOT taken AND expires_at > $4 RETURNING owner, value, expires_at`)
			if !errors.Is(err, sessions.ErrNotFound) {
				return err
			}
			item, err = e.one(ctx, s, kind, key, `SELECT owner, value, expires_at FROM ephemeral
				WHERE tenant = $1 AND kind = $2 AND key = $3 AND taken AND expires_at > $4`)
			if err == nil {
				return sessions.ErrTaken
			}
			return err
		})
	})
	return item, err
}

// one reads the item that the statement finds by tenant, kind, key and the present time.
func (e ephemeral) one(ctx context.Context, s *session, kind sessions.Kind, key [32]byte, text string) (sessions.Item, error) {
	item := sessions.Item{Kind: kind, Key: key}
	var owner []byte
	var expires int64
	err := s.one(ctx, text, []any{e.key, string(kind), key[:], micros(e.db.now())}, &owner, &item.Value, &expires)
	if err != nil {
		return sessions.Item{}, notFound(err)
	}
	item.Owner, item.ExpiresAt = string(owner), fromMicros(expires)
	return item, nil
}

func (e ephemeral) Delete(ctx context.Context, kind sessions.Kind, key [32]byte) error {
	_, err := e.alter(ctx, true, "DELETE FROM ephemeral WHERE tenant = $1 AND kind = $2 AND key = $3", e.key, string(kind), key[:])
	return err
}

// DeleteOwned of an empty owner removes nothing: such items belong to nobody.
func (e ephemeral) DeleteOwned(ctx context.Context, kind sessions.Kind, owner string) error {
	_, err := e.alter(ctx, true, "DELETE FROM ephemeral WHERE tenant = $1 AND owner_key = $2 AND owner_key <> '' AND kind = $3",
		e.key, column(owner), string(kind))
	return err
}

// notFound says that there is no row in the words of sessions.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return sessions.ErrNotFound
	}
	return err
}
