package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/latchkey-id/latchkey/tokens"
)

// keys keeps signing keys, their private part sealed.
type keys struct{ *Tenant }

var _ tokens.KeyStore = keys{}

func (k keys) Keys(ctx context.Context) (all []tokens.StoredKey, err error) {
	err = k.db.read(ctx, func(on statements) error {
		all, err = k.load(ctx, on)
		return err
	})
	return all, err
}

func (k keys) load(ctx context.Context, on statements) ([]tokens.StoredKey, error) {
	var all []tokens.StoredKey
	err := each(ctx, on, "SELECT kid, doc, private FROM signing_keys WHERE tenant = ? ORDER BY created_at, kid",
		[]any{k.name}, func(rows *sql.Rows) error {
			var id, private string
			var doc []byte
			if err := rows.Scan(&id, &doc, &private); err != nil {
				return err
			}
			var key tokens.StoredKey
			if err := decode(doc, &key); err != nil {
				return fmt.Errorf("stored signing key %s: %w", id, err)
			}
			var err error
			if key.Private, err = k.db.ring.Open(private, k.place(id)); err != nil {
				return fmt.Errorf("signing key %s: %w", id, err)
			}
			all = append(all, key)
			return nil
		})
	return all, err
}

func (k keys) UpdateKeys(ctx context.Context, change func([]tokens.StoredKey) ([]tokens.StoredKey, error)) error {
	return k.db.transact(ctx, func(s *session) error {
		all, err := k.load(ctx, s)
		if err != nil {
			return err
		}
		if all, err = change(all); err != nil {
			return err
		}
		if _, err := run(ctx, s, "DELETE FROM signing_keys WHERE tenant = ?", k.name); err != nil {
			return err
		}
		for _, key := range all {
			if err := k.insert(ctx, s, key); err != nil {
				return fmt.Errorf("signing key %s: %w", key.ID, err)
			}
		}
		return nil
	})
}

func (k keys) insert(ctx context.Context, s *session, key tokens.StoredKey) error {
	private := k.db.ring.Seal(key.Private, k.place(key.ID))
	key.Private = nil
	doc, err := json.Marshal(key)
	if err != nil {
		return err
	}
	_, err = run(ctx, s, "INSERT INTO signing_keys (tenant, kid, created_at, doc, private) VALUES (?, ?, ?, ?, ?)",
		k.name, key.ID, micros(key.CreatedAt), string(doc), private)
	return err
}

func (k keys) place(id string) string { return "signing_keys/private/" + k.name + "/" + id }
