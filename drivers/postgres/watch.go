package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// What [Tenant.Watch] reports.
const (
	ChangedConfig = "config"
	ChangedKeys   = "keys"
)

const (
	// channel is where changes are announced as "tenant:what".
	channel = "latchkey"
	// quiet is how long a listener hears nothing before it asks whether its connection lives.
	quiet = 30 * time.Second
	// longestRetry is the longest pause before a listener connects again.
	longestRetry = 5 * time.Second
)

// announce tells all listeners what changed, when the transaction commits.
func (t *Tenant) announce(what string) step {
	return step{text: "SELECT pg_notify($1, $2)", args: []any{channel, t.key + ":" + what}}
}

// Watch calls changed with ChangedConfig or ChangedKeys when a node has committed such a change, this one included. It calls
// it with both whenever it has connected, for what was missed before. It has a connection of its own and connects again as
// long as it takes; callers that can't wait for that long look from time to time themselves. It returns when the context
// ends, with the context's error, or when the database has no LISTEN (see docs/decisions).
func (t *Tenant) Watch(ctx context.Context, changed func(what string)) error {
	pause := firstPause
	for {
		heard, err := t.listen(ctx, changed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if strings.HasPrefix(code(err), "0A") || code(err) == "42601" {
			return fmt.Errorf("the database can't announce changes: %w", err)
		}
		if heard {
			pause = firstPause
		}
		t.db.log.WarnContext(ctx, "listening for changes in the database was interrupted", "error", err)
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, longestRetry)
	}
}

// listen reports changes until the connection is lost. connected tells whether there was one.
func (t *Tenant) listen(ctx context.Context, changed func(what string)) (connected bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, t.db.pool.Config().ConnConfig)
	if err != nil {
		return false, err
	}
	defer func() {
		// The server sees a lost connection, too; nobody waits for a farewell longer than this.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, conn.Close(ending))
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return false, err
	}
	changed(ChangedConfig)
	changed(ChangedKeys)
	for {
		payload, err := t.hear(ctx, conn)
		if err != nil {
			return true, err
		}
		what, ours := strings.CutPrefix(payload, t.key+":")
		if ours && (what == ChangedConfig || what == ChangedKeys) {
			changed(what)
		}
	}
}

// hear waits for the next announcement; "" where there was none for long, but the connection lives.
func (t *Tenant) hear(ctx context.Context, conn *pgx.Conn) (payload string, err error) {
	waiting, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	heard, err := conn.WaitForNotification(waiting)
	if err == nil {
		return heard.Payload, nil
	}
	if waiting.Err() == nil || ctx.Err() != nil {
		return "", err
	}
	asking, cancel := context.WithTimeout(ctx, t.db.acquireTimeout)
	defer cancel()
	_, err = conn.Exec(asking, "SELECT 1")
	return "", err
}
