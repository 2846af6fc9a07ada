package postgres

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/tokens"
)

// keys keeps signing keys, their private part sealed.
type keys struct{ *Tenant }

var _ tokens.KeyStore = keys{}

func (k keys) Keys(ctx context.Context) (all []tokens.StoredKey, err error) {
	err = k.db.read(ctx, func(s *session) error {
		all, err = k.load(ctx, s)
		return err
	})
	return all, err
}

func (k keys) load(ctx context.Context, s *session) ([]tokens.StoredKey, error) {
	var all []tokens.StoredKey
	err := s.each(ctx, "SELECT doc, private FROM signing_keys WHERE tenant = $1 ORDER BY created_at, kid", []any{k.key},
		func(rows pgx.Rows) error {
			var doc pgtype.DriverBytes
			var private string
			if err := rows.Scan(&doc, &private); err != nil {
				return err
			}
			var key tokens.StoredKey
			if err := decode(doc, &key); err != nil {
				return fmt.Errorf("stored signing key: %w", err)
			}
			var err error
			if key.Private, err = k.db.ring.Open(private, k.place(key.ID)); err != nil {
				return fmt.Errorf("signing key %s: %w", key.ID, err)
			}
			all = append(all, key)
			return nil
		})
	return all, err
}

func (k keys) UpdateKeys(ctx context.Context, change func([]tokens.StoredKey) ([]tokens.StoredKey, error)) error {
	return k.db.transact(ctx, func(s *session) error {
		if err := lockRevision(ctx, s, "key_revisions", k.key); err != nil {
			return err
		}
		before, err := k.load(ctx, s)
		if err != nil {
			return err
		}
		all, err := change(cloned(before))
		if err != nil {
			return err
		}
		if reflect.DeepEqual(before, all) {
			return nil // nothing to store and nothing to announce
		}
		steps := []step{{text: "DELETE FROM signing_keys WHERE tenant = $1", args: []any{k.key}}}
		for _, key := range all {
			insert, err := k.insert(key)
			if err != nil {
				return fmt.Errorf("signing key %s: %w", key.ID, err)
			}
			steps = append(steps, insert)
		}
		return s.pipeline(ctx, append(steps, k.announce(ChangedKeys)))
	})
}

// cloned copies keys, so that what was stored can be compared with what change made of it.
func cloned(keys []tokens.StoredKey) []tokens.StoredKey {
	all := slices.Clone(keys)
	for i := range all {
		all[i].Private, all[i].Certificate = bytes.Clone(all[i].Private), bytes.Clone(all[i].Certificate)
	}
	return all
}

func (k keys) insert(key tokens.StoredKey) (step, error) {
	private := k.db.ring.Seal(key.Private, k.place(key.ID))
	key.Private = nil
	doc, err := encode(key)
	if err != nil {
		return step{}, err
	}
	return step{
		text: "INSERT INTO signing_keys (tenant, kid, created_at, doc, private) VALUES ($1, $2, $3, $4, $5)",
		args: []any{k.key, column(key.ID), micros(key.CreatedAt), doc, private},
	}, nil
}

func (k keys) place(id string) string { return "signing_keys/private/" + k.name + "/" + id }
