package sqlite

import (
	"context"
	"time"

	"github.com/latchkey-id/latchkey/sessions"
)

// purger removes what ended. One call is one short transaction of at most limit rows.
type purger struct{ *Tenant }

var _ sessions.Purger = purger{}

// purges remove rows of one kind each; their arguments are tenant, time and limit. Tokens go before their grants, so that
// removing a grant removes nothing else.
var purges = [...]string{
	`DELETE FROM ephemeral WHERE (tenant, kind, key) IN
		(SELECT tenant, kind, key FROM ephemeral WHERE tenant = ? AND expires_at < ? LIMIT ?)`,
	`DELETE FROM refresh_tokens WHERE (tenant, hash) IN
		(SELECT tenant, hash FROM refresh_tokens WHERE tenant = ? AND ends_at < ? AND ends_at > 0 LIMIT ?)`,
	`DELETE FROM refresh_tokens WHERE (tenant, hash) IN
		(SELECT t.tenant, t.hash FROM grants AS g JOIN refresh_tokens AS t ON t.tenant = g.tenant AND t.grant_id = g.id
		WHERE g.tenant = ? AND g.expires_at < ? AND g.expires_at > 0 LIMIT ?)`,
	`DELETE FROM grants WHERE (tenant, id) IN
		(SELECT tenant, id FROM grants AS g WHERE tenant = ? AND expires_at < ? AND expires_at > 0
		AND NOT EXISTS (SELECT 1 FROM refresh_tokens AS t WHERE t.tenant = g.tenant AND t.grant_id = g.id) LIMIT ?)`,
	`DELETE FROM revocations WHERE (tenant, grant_id) IN
		(SELECT tenant, grant_id FROM revocations WHERE tenant = ? AND expires_at < ? AND expires_at > 0 LIMIT ?)`,
}

// Purge also removes grants and revocations that nothing can hang on any more, and counts them.
func (p purger) Purge(ctx context.Context, now time.Time, limit int) (int, error) {
	removed := int64(0)
	err := p.db.transact(ctx, func(s *session) error {
		for _, text := range purges {
			left := int64(limit) - removed
			if left <= 0 {
				return nil
			}
			n, err := run(ctx, s, text, p.name, micros(now), left)
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
