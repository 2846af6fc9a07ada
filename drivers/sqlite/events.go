package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/audit"
)

// events keeps the tenant log.
type events struct{ *Tenant }

var _ audit.Store = events{}

func (e events) Append(ctx context.Context, list []audit.Event) error {
	if len(list) == 0 {
		return nil
	}
	docs := make([]string, len(list))
	for i, event := range list {
		doc, err := json.Marshal(event)
		if err != nil {
			return fmt.Errorf("event %s can't be stored: %w", event.ID, err)
		}
		docs[i] = string(doc)
	}
	return e.db.transact(ctx, func(s *session) error {
		for i, event := range list {
			_, err := run(ctx, s, "INSERT INTO events (tenant, id, date, doc) VALUES (?, ?, ?, ?)",
				e.name, event.ID, micros(event.Date), docs[i])
			if err != nil {
				return fmt.Errorf("event %s: %w", event.ID, err)
			}
		}
		return nil
	})
}

func (e events) List(ctx context.Context, after string, limit int) (list []audit.Event, err error) {
	err = e.db.read(ctx, func(on statements) error {
		return each(ctx, on, "SELECT doc FROM events WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",
			[]any{e.name, after, max(0, limit)}, func(rows *sql.Rows) error {
				var doc sql.RawBytes
				if err := rows.Scan(&doc); err != nil {
					return err
				}
				var event audit.Event
				if err := decode(doc, &event); err != nil {
					return fmt.Errorf("stored event: %w", err)
				}
				list = append(list, event)
				return nil
			})
	})
	return list, err
}

func (e events) DeleteBefore(ctx context.Context, t time.Time, limit int) (int, error) {
	n, err := e.alter(ctx, `DELETE FROM events WHERE (tenant, id) IN
		(SELECT tenant, id FROM events WHERE tenant = ? AND date < ? ORDER BY date, id LIMIT ?)`,
		e.name, micros(t), max(0, limit))
	return int(n), err
}
