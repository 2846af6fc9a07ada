package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/latchkey-id/latchkey/sessions"
)

// ephemeral keeps short-lived items. Each method is one statement, so each is atomic.
type ephemeral struct{ *Tenant }

var _ sessions.Ephemeral = ephemeral{}

func (e ephemeral) Insert(ctx context.Context, item sessions.Item) error {
	n, err := e.alter(ctx, `INSERT INTO ephemeral (tenant, kind, key, owner, value, expires_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET owner = excluded.owner, value = excluded.value, expires_at = excluded.expires_at, takes = 0
		WHERE ephemeral.expires_at <= ?`,
		e.name, item.Kind, item.Key[:], item.Owner, notNil(item.Value), micros(item.ExpiresAt), micros(e.db.now()))
	if err == nil && n == 0 {
		return sessions.ErrExists
	}
	return err
}

func (e ephemeral) Replace(ctx context.Context, item sessions.Item) error {
	n, err := e.alter(ctx, `UPDATE ephemeral SET value = ?, expires_at = ?
		WHERE tenant = ? AND kind = ? AND key = ? AND owner = ? AND takes = 0 AND expires_at > ?`,
		notNil(item.Value), micros(item.ExpiresAt), e.name, item.Kind, item.Key[:], item.Owner, micros(e.db.now()))
	if err == nil && n == 0 {
		return sessions.ErrNotFound
	}
	return err
}

func (e ephemeral) Get(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	item := sessions.Item{Kind: kind, Key: key}
	var expires int64
	err := e.db.read(ctx, func(on statements) error {
		return one(ctx, on, `SELECT owner, value, expires_at FROM ephemeral
			WHERE tenant = ? AND kind = ? AND key = ? AND takes = 0 AND expires_at > ?`,
			[]any{e.name, kind, key[:], micros(e.db.now())}, &item.Owner, &item.Value, &expires)
	})
	if err != nil {
		return sessions.Item{}, notFound(err)
	}
	item.ExpiresAt = fromMicros(expires)
	return item, nil
}

func (e ephemeral) Take(ctx context.Context, kind sessions.Kind, key [32]byte) (sessions.Item, error) {
	item := sessions.Item{Kind: kind, Key: key}
	var expires, takes int64
	err := e.db.writer.alone(ctx, func(s *session) error {
		return one(ctx, s, `UPDATE ephemeral SET takes = takes + 1
			WHERE tenant = ? AND kind = ? AND key = ? AND expires_at > ? RETURNING owner, value, expires_at, takes`,
			[]any{e.name, kind, key[:], micros(e.db.now())}, &item.Owner, &item.Value, &expires, &takes)
	})
	if err != nil {
		return sessions.Item{}, notFound(err)
	}
	item.ExpiresAt = fromMicros(expires)
	if takes > 1 {
		return item, sessions.ErrTaken
	}
	return item, nil
}

func (e ephemeral) Delete(ctx context.Context, kind sessions.Kind, key [32]byte) error {
	_, err := e.alter(ctx, "DELETE FROM ephemeral WHERE tenant = ? AND kind = ? AND key = ?", e.name, kind, key[:])
	return err
}

// DeleteOwned of an empty owner removes nothing: such items belong to nobody.
func (e ephemeral) DeleteOwned(ctx context.Context, kind sessions.Kind, owner string) error {
	_, err := e.alter(ctx, "DELETE FROM ephemeral WHERE tenant = ? AND owner = ? AND owner <> '' AND kind = ?",
		e.name, owner, kind)
	return err
}

// alter runs one changing statement, which is its own transaction.
func (t *Tenant) alter(ctx context.Context, text string, args ...any) (n int64, err error) {
	err = t.db.writer.alone(ctx, func(s *session) error {
		n, err = run(ctx, s, text, args...)
		return err
	})
	return n, err
}

// notNil keeps the driver from storing NULL for a value without bytes.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// notFound says that there is no row in the words of sessions.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return sessions.ErrNotFound
	}
	return err
}
