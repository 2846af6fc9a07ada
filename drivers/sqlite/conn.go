package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"
)

// statements runs SQL. Fixed texts go through prepared, which keeps them; a text that is made for one search goes through
// query, so that what is kept can't grow without bound.
type statements interface {
	prepared(ctx context.Context, text string) (*sql.Stmt, error)
	query(ctx context.Context, text string, args []any) (*sql.Rows, error)
}

// session is a connection with the statements that were prepared on it. One goroutine uses it at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (s *session) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := s.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.stmts[text] = stmt
	return stmt, nil
}

func (s *session) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	return s.conn.QueryContext(ctx, text, args...)
}

// close gives the connection back to its pool.
func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

// writer owns the one connection that changes the database, so that writers wait here, in the order they come and as long
// as their contexts last, and not in SQLite's busy loop.
type writer struct {
	db      *sql.DB
	turn    chan struct{} // has one slot: whoever fills it uses session
	session *session      // nil until it is needed
}

func newWriter(db *sql.DB) *writer { return &writer{db: db, turn: make(chan struct{}, 1)} }

// alone runs use while nobody else uses the writer's connection.
func (w *writer) alone(ctx context.Context, use func(*session) error) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.turn }()
	if w.session == nil {
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return because(ctx, err)
		}
		w.session = &session{conn: conn, stmts: map[string]*sql.Stmt{}}
	}
	err := use(w.session)
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		w.session = nil // the next caller connects anew
	}
	return because(ctx, err)
}

// transact runs change in a transaction that holds the write lock from its beginning. An error or a panic of change and a
// context that ends before the commit undo it; the commit itself is not interrupted, so its outcome is certain.
func (w *writer) transact(ctx context.Context, change func(*session) error) error {
	return w.alone(ctx, func(s *session) (err error) {
		committed := false
		defer func() {
			if committed {
				return
			}
			if undo := w.rollback(ctx, s); undo != nil {
				err = errors.Join(err, undo)
			}
		}()
		if _, err := run(ctx, s, "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		if err := change(s); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err = run(context.WithoutCancel(ctx), s, "COMMIT")
		committed = err == nil
		return err
	})
}

// rollback leaves the session without an open transaction. SQLite may have ended it by itself already, as it does when a
// statement is interrupted; then ROLLBACK fails and a new transaction can begin. A connection where neither works is
// dropped, which ends its transaction, too.
func (w *writer) rollback(ctx context.Context, s *session) error {
	ctx = context.WithoutCancel(ctx)
	if _, err := run(ctx, s, "ROLLBACK"); err == nil {
		return nil
	}
	if _, err := run(ctx, s, "BEGIN"); err == nil {
		_, err = run(ctx, s, "ROLLBACK")
		return err
	}
	w.session = nil
	err := s.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// release gives the connection back to the pool while use runs, for code that works on the *sql.DB.
func (w *writer) release(ctx context.Context, use func(*sql.DB) error) error {
	return w.alone(ctx, func(s *session) error {
		w.session = nil
		if err := s.close(); err != nil {
			return err
		}
		return use(w.db)
	})
}

func (w *writer) close() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	if w.session == nil {
		return w.db.Close()
	}
	return errors.Join(w.session.close(), w.db.Close())
}

// readers is the pool of connections that only read.
type readers struct {
	db    *sql.DB
	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

func (r *readers) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	r.mu.RLock()
	stmt := r.stmts[text]
	r.mu.RUnlock()
	if stmt != nil {
		return stmt, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt := r.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := r.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	r.stmts[text] = stmt
	return stmt, nil
}

func (r *readers) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	return r.db.QueryContext(ctx, text, args...)
}

func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stmt := range r.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, r.db.Close())...)
}

// read runs use with connections that see what was committed. A database in memory has one connection for everything.
func (db *DB) read(ctx context.Context, use func(statements) error) error {
	if db.readers == nil {
		return db.writer.alone(ctx, func(s *session) error { return use(s) })
	}
	return because(ctx, use(db.readers))
}

// transact runs change in a write transaction.
func (db *DB) transact(ctx context.Context, change func(*session) error) error {
	return db.writer.transact(ctx, change)
}

// run executes a statement and returns how many rows it changed.
func run(ctx context.Context, on statements, text string, args ...any) (int64, error) {
	stmt, err := on.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one reads the only row of a query into dest, or returns [sql.ErrNoRows].
func one(ctx context.Context, on statements, text string, args []any, dest ...any) error {
	stmt, err := on.prepared(ctx, text)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}

// each calls scan for every row of a query.
func each(ctx context.Context, on statements, text string, args []any, scan func(*sql.Rows) error) error {
	stmt, err := on.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return drain(rows, err, scan)
}

func drain(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// because puts the reason before an error of the driver: the caller's context in place of its "interrupted", or ErrUnavailable.
func because(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, ErrUnavailable):
		return err
	case ctx.Err() != nil:
		if errors.Is(err, ctx.Err()) {
			return err
		}
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	case temporary(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// micros is how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
