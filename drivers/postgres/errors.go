package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-id/latchkey/internal/outage"
)

// ErrUnavailable says that the database can't do it now and may later: it can't be reached, is starting, stopping or failing
// over, is read-only, is full, or has no connection to spare. Surfaces answer 503.
var ErrUnavailable = fmt.Errorf("postgres: %w", outage.Err)

// PostgreSQL: Appendix A, Error Codes.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	readOnlyTransaction  = "25006"
)

// temporary are codes, and two-character classes of codes, that say nothing about the statement.
var temporary = []string{
	serializationFailure, deadlockDetected, readOnlyTransaction,
	"08",    // connection exceptions
	"25P03", // idle_in_transaction_session_timeout
	"25P04", // transaction_timeout
	"53",    // out of disk, memory or connections
	"55P03", // lock_timeout
	"57",    // shutting down, starting, statement_timeout
	"58",    // the machine
}

// code is PostgreSQL's error code, "" where the error is none of PostgreSQL's.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// raced says that another transaction stored first what this one was about to. Run again it finds that.
type raced struct{ err error }

func (r raced) Error() string { return "another transaction was faster: " + r.err.Error() }
func (r raced) Unwrap() error { return r.err }

// repeatable tells whether the transaction, undone, may succeed if it is run again.
func repeatable(err error) bool {
	var race raced
	return errors.As(err, &race) || slices.Contains([]string{serializationFailure, deadlockDetected}, code(err))
}

// explain puts the reason before an error of the driver: the caller's context, or ErrUnavailable. closed says that the
// connection didn't survive.
func explain(ctx context.Context, err error, closed bool) error {
	switch {
	case err == nil || errors.Is(err, pgx.ErrNoRows) || errors.Is(err, ErrUnavailable):
		return err
	case ctx.Err() != nil:
		if errors.Is(err, ctx.Err()) {
			return err
		}
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	// A deadline that isn't the caller's is the limit of the call.
	case closed || isTemporary(code(err)) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func isTemporary(code string) bool {
	return code != "" && slices.ContainsFunc(temporary, func(prefix string) bool { return strings.HasPrefix(code, prefix) })
}
