package postgres

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

// purger removes what ended. One call is one short transaction of at most limit rows. It leaves rows that are in use for
// the next time, so that it waits for nobody and nodes may purge at once.
type purger struct{ *Tenant }

var _ sessions.Purger = purger{}

// purges remove rows of one kind each; their arguments are tenant, time and limit. Tokens go before their grants, so that
// removing a grant removes nothing else.
var purges = [...]string{
	`WITH ended AS MATERIALIZED (SELECT tenant, kind, key FROM ephemeral
			WHERE tenant = $1 AND expires_at < $2 LIMIT $3 FOR UPDATE SKIP LOCKED)
		DELETE FROM ephemeral AS e USING ended WHERE e.key = ended.key AND e.kind = ended.kind AND e.tenant = ended.tenant`,
	`WITH ended AS MATERIALIZED (SELECT tenant, hash FROM refresh_tokens
			WHERE tenant = $1 AND ends_at < $2 AND ends_at > 0 LIMIT $3 FOR UPDATE SKIP LOCKED)
		DELETE FROM refresh_tokens AS t USING ended WHERE t.hash = ended.hash AND t.tenant = ended.tenant`,
	`WITH ended AS MATERIALIZED (SELECT t.tenant, t.hash FROM grants AS g
			JOIN refresh_tokens AS t ON t.tenant = g.tenant AND t.grant_id = g.id
			WHERE g.tenant = $1 AND g.expires_at < $2 AND g.expires_at > 0 LIMIT $3 FOR UPDATE SKIP LOCKED)
		DELETE FROM refresh_tokens AS t USING ended WHERE t.hash = ended.hash AND t.tenant = ended.tenant`,
	`WITH ended AS MATERIALIZED (SELECT tenant, id FROM grants AS g
			WHERE tenant = $1 AND expires_at < $2 AND expires_at > 0
			AND NOT EXISTS (SELECT 1 FROM refresh_tokens AS t WHERE t.tenant = g.tenant AND t.grant_id = g.id)
			LIMIT $3 FOR UPDATE SKIP LOCKED)
		DELETE FROM grants AS g USING ended WHERE g.id = ended.id AND g.tenant = ended.tenant`,
}

// Purge also removes grants, revoked ones too, that nothing can hang on any more, and counts them.
func (p purger) Purge(ctx context.Context, now time.Time, limit int) (int, error) {
	removed := int64(0)
	err := p.db.transact(ctx, func(s *session) error {
		removed = 0
		for _, text := range purges {
			left := int64(limit) - removed
			if left <= 0 {
				return nil
			}
			n, err := s.run(ctx, text, p.key, micros(now), left)
			if err != nil {
				return err
			}
			removed += n
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return int(removed), nil
}
