package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/audit"
)

// events keeps the tenant log.
type events struct{ *Tenant }

var _ audit.Store = events{}

func (e events) Append(ctx context.Context, list []audit.Event) error {
	if len(list) == 0 {
		return nil
	}
	steps := make([]step, len(list))
	for i, event := range list {
		doc, err := encode(event)
		if err != nil {
			return fmt.Errorf("event %s can't be stored: %w", event.ID, err)
		}
		steps[i] = step{
			text: "INSERT INTO events (tenant, id, date, doc) VALUES ($1, $2, $3, $4)",
			args: []any{e.key, column(event.ID), micros(event.Date), doc},
		}
	}
	return e.db.transact(ctx, func(s *session) error {
		if err := s.pipeline(ctx, steps); err != nil {
			return fmt.Errorf("events from %s on: %w", list[0].ID, err)
		}
		return nil
	})
}

func (e events) List(ctx context.Context, after string, limit int) (list []audit.Event, err error) {
	err = e.db.read(ctx, func(s *session) error {
		list = nil
		return s.each(ctx, "SELECT doc FROM events WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
			[]any{e.key, column(after), max(0, limit)}, func(rows pgx.Rows) error {
				var doc pgtype.DriverBytes
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
	n, err := e.alter(ctx, false, `WITH old AS MATERIALIZED (SELECT tenant, id FROM events
			WHERE tenant = $1 AND date < $2 ORDER BY date, id LIMIT $3 FOR UPDATE SKIP LOCKED)
		DELETE FROM events AS e USING old WHERE e.tenant = old.tenant AND e.id = old.id`,
		e.key, micros(t), max(0, limit))
	return int(n), err
}
