package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// conflictAttempts is how often something is run that others get in the way of, lostAttempts where connections break.
	conflictAttempts = 12
	lostAttempts     = 3
	// firstPause is the longest pause before the second attempt; it doubles until longestPause.
	firstPause   = 4 * time.Millisecond
	longestPause = 250 * time.Millisecond
	// endTimeout bounds a commit or rollback, which no caller interrupts.
	endTimeout = 5 * time.Second
)

// querier is what a connection and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// session runs statements on one connection, inside a transaction or each by itself. It remembers the first error of the
// database, because a transaction is lost by it whatever its function makes of it.
type session struct {
	on     querier
	conn   *pgx.Conn
	limit  context.Context // of the whole call, see within
	broken error
}

// within ends a statement at the latest when its call has taken CallTimeout. That ends the connection, too: what comes back on
// it is for nobody. Errors are explained by the caller's own context, so that this end is an outage and no cancellation.
func (s *session) within(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := s.limit.Deadline() // repeat has set one
	return context.WithDeadline(ctx, deadline)
}

// note remembers and explains an error of the database.
func (s *session) note(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if s.broken == nil {
		s.broken = err
	}
	return explain(ctx, err, s.conn.IsClosed())
}

// race ends the attempt because another transaction was faster.
func (s *session) race(err error) error { return s.note(context.Background(), raced{err}) }

// run executes a statement and returns how many rows it changed.
func (s *session) run(ctx context.Context, text string, args ...any) (int64, error) {
	within, cancel := s.within(ctx)
	defer cancel()
	tag, err := s.on.Exec(within, text, args...)
	return tag.RowsAffected(), s.note(ctx, err)
}

// one reads the only row of a query into dest, or returns [pgx.ErrNoRows].
func (s *session) one(ctx context.Context, text string, args []any, dest ...any) error {
	found := false
	err := s.each(ctx, text, args, func(rows pgx.Rows) error { found = true; return rows.Scan(dest...) })
	if err == nil && !found {
		return pgx.ErrNoRows
	}
	return err
}

// each calls scan for every row of a query.
func (s *session) each(ctx context.Context, text string, args []any, scan func(pgx.Rows) error) error {
	within, cancel := s.within(ctx)
	defer cancel()
	rows, err := s.on.Query(within, text, args...)
	if err != nil {
		return s.note(ctx, err)
	}
	return s.drain(ctx, rows, scan)
}

func (s *session) drain(ctx context.Context, rows pgx.Rows, scan func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return s.note(ctx, rows.Err())
}

// step is a statement of a pipeline: a query where it has scan, otherwise a change whose number of rows goes to changed.
type step struct {
	text    string
	args    []any
	scan    func(pgx.Rows) error
	changed func(rows int64) error
}

// pipeline sends statements together, which costs one round trip. They run one after the other; each sees what was
// committed when it begins.
func (s *session) pipeline(ctx context.Context, steps []step) (err error) {
	batch := &pgx.Batch{}
	for _, st := range steps {
		batch.Queue(st.text, st.args...)
	}
	within, cancel := s.within(ctx)
	defer cancel()
	results := s.on.SendBatch(within, batch)
	defer func() {
		if closing := results.Close(); err == nil {
			err = s.note(ctx, closing)
		}
	}()
	for _, st := range steps {
		if st.scan != nil {
			rows, err := results.Query()
			if err != nil {
				return s.note(ctx, err)
			}
			if err := s.drain(ctx, rows, st.scan); err != nil {
				return err
			}
			continue
		}
		tag, err := results.Exec()
		if err != nil {
			return s.note(ctx, err)
		}
		if st.changed != nil {
			if err := st.changed(tag.RowsAffected()); err != nil {
				return err
			}
		}
	}
	return nil
}

// acquire takes a connection from the pool, which waits AcquireTimeout at most, and less where the call's limit comes first.
func (db *DB) acquire(ctx, limit context.Context) (*pgxpool.Conn, error) {
	waiting, cancel := context.WithTimeout(limit, db.acquireTimeout)
	defer cancel()
	conn, err := db.pool.Acquire(waiting)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() == nil && waiting.Err() != nil {
		return nil, fmt.Errorf("%w: no connection in time: %w", ErrUnavailable, err)
	}
	return nil, explain(ctx, err, true)
}

// read runs use with a connection, again where that gets lost: use has no other effects than its results, and sets them
// anew each time.
func (db *DB) read(ctx context.Context, use func(*session) error) error {
	return db.repeat(ctx, func(limit context.Context) (int, error) { return db.single(ctx, limit, true, use) })
}

// alter runs one changing statement, which is its own transaction. again says that it may be run again where the connection
// was lost and nobody knows whether it was executed.
func (t *Tenant) alter(ctx context.Context, again bool, text string, args ...any) (n int64, err error) {
	err = t.db.repeat(ctx, func(limit context.Context) (int, error) {
		return t.db.single(ctx, limit, again, func(s *session) error {
			n, err = s.run(ctx, text, args...)
			return err
		})
	})
	return n, err
}

// single runs use once and returns, for an error, how many attempts that allows in all.
func (db *DB) single(ctx, limit context.Context, again bool, use func(*session) error) (attempts int, err error) {
	conn, err := db.acquire(ctx, limit)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	s := &session{on: conn, conn: conn.Conn(), limit: limit}
	err = use(s)
	return db.attempts(s, again || pgconn.SafeToRetry(err)), err
}

// transact runs change in a transaction. An error or a panic of change and a context that ends before the commit undo it;
// the commit itself is not interrupted.
func (db *DB) transact(ctx context.Context, change func(*session) error) error {
	return db.repeat(ctx, func(limit context.Context) (int, error) { return db.transactOnce(ctx, limit, change) })
}

func (db *DB) transactOnce(ctx, limit context.Context, change func(*session) error) (attempts int, err error) {
	conn, err := db.acquire(ctx, limit)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	s := &session{on: conn, conn: conn.Conn(), limit: limit}
	tx, err := conn.BeginTx(limit, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		err = s.note(ctx, err)
		return db.attempts(s, true), err
	}
	s.on = tx
	over := false
	defer func() {
		if over {
			return
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		// Where this fails pgx drops the connection, which ends the transaction, too.
		_ = tx.Rollback(ending)
	}()
	err = change(s)
	switch {
	case s.broken != nil && (err == nil || repeatable(s.broken)):
		err = explain(ctx, s.broken, s.conn.IsClosed())
	case err == nil:
		err = ctx.Err()
	}
	if err != nil {
		return db.attempts(s, true), err
	}
	over = true
	return db.commit(ctx, s, tx)
}

// commit is final unless the database says that it undid the transaction: where the connection gets lost nobody knows.
func (db *DB) commit(ctx context.Context, s *session, tx pgx.Tx) (attempts int, err error) {
	ctx = context.WithoutCancel(ctx)
	ending, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	err = s.note(ctx, tx.Commit(ending))
	return db.attempts(s, false), err
}

// attempts says how many attempts the session's error allows. lost says that a lost connection lost nothing else.
func (db *DB) attempts(s *session, lost bool) int {
	switch {
	case s.broken == nil:
		return 0
	case code(s.broken) == readOnlyTransaction:
		// The server was demoted. The next connections look for the one that took over.
		db.pool.Reset()
		return 0
	case s.conn.IsClosed():
		// Where one connection broke the idle ones probably did, too.
		db.pool.Reset()
		if lost {
			return lostAttempts
		}
	case repeatable(s.broken):
		return conflictAttempts
	}
	return 0
}

// repeat runs try until it succeeds, or has been run as often as its error allows, or the context ends, or all of it has
// taken CallTimeout, which is the limit that try gets.
func (db *DB) repeat(ctx context.Context, try func(limit context.Context) (attempts int, err error)) error {
	limit, cancel := context.WithTimeout(ctx, db.callTimeout)
	defer cancel()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		attempts, err := try(limit)
		if err == nil || attempt >= attempts || limit.Err() != nil {
			return err
		}
		timer := time.NewTimer(rand.N(pause))
		select {
		case <-timer.C:
		case <-limit.Done():
			timer.Stop()
			return explain(ctx, err, false)
		}
		pause = min(2*pause, longestPause)
	}
}
