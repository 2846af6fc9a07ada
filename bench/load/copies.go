package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"
	_ "modernc.org/sqlite"             // the database/sql driver "sqlite"
)

// copier multiplies rows inside the database: a copy is its original with another code. So a million people are stored in
// minutes, and their rows are what the driver writes, because the originals are.
type copier struct {
	db *sql.DB
	// columns answers with name and type of a table's columns.
	columns string
	// parameter is the n-th argument of a statement; series makes the numbers 1 to parameter 3 as s(k).
	parameter string
	series    string
	// after is what the database does about new rows by itself in time.
	after string
}

// tables in the order that their references allow.
var tables = [...]string{"users", "user_identities", "user_logins"}

func sqliteCopier(path string) (copier, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=cache_size(-200000)&_txlock=immediate")
	return copier{
		db: db, columns: "SELECT name, type FROM pragma_table_info(?1)", parameter: "?%d",
		series: "(WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < ?3) SELECT k FROM n) AS s",
		after:  "PRAGMA wal_checkpoint(TRUNCATE)",
	}, err
}

func postgresCopier(url string) (copier, error) {
	db, err := sql.Open("pgx", url)
	return copier{
		db: db, columns: `SELECT column_name, data_type FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`,
		parameter: "$%d", series: "generate_series(1, $3::bigint) AS s(k)", after: "VACUUM (ANALYZE)",
	}, err
}

func (c copier) close() error { return c.db.Close() }

// settle lets the database come to rest.
func (c copier) settle(ctx context.Context) error {
	_, err := c.db.ExecContext(ctx, c.after)
	return err
}

// copy stores times copies of each of the ten people from first on, numbered on.
func (c copier) copy(ctx context.Context, tenant string, first, times int) error {
	if times == 0 {
		return nil
	}
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, table := range tables {
		statement, err := c.statement(ctx, tx, table)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		for n := first; n < first+kinds; n++ {
			u, err := person(n)
			if err != nil {
				return errors.Join(err, tx.Rollback())
			}
			if _, err := tx.ExecContext(ctx, statement, tenant, u.ID, times, code(n)); err != nil {
				return errors.Join(fmt.Errorf("copies in %s: %w", table, err), tx.Rollback())
			}
		}
	}
	return tx.Commit()
}

// statement copies a person's rows of one table. Every text in them gets the copy's code; which columns there are is asked,
// so that a new one is not forgotten.
func (c copier) statement(ctx context.Context, tx *sql.Tx, table string) (string, error) {
	rows, err := tx.QueryContext(ctx, c.columns, table)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var names, values []string
	number := fmt.Sprintf("CAST(CAST("+c.parameter+" AS bigint) + %d * s.k AS text)", 4, kinds)
	old := fmt.Sprintf("CAST("+c.parameter+" AS text)", 4)
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return "", err
		}
		value := "t." + name
		switch strings.ToLower(kind) {
		case "text":
			value = fmt.Sprintf("replace(%s, %s, %s)", value, old, number)
		case "jsonb":
			value = fmt.Sprintf("CAST(replace(CAST(%s AS text), %s, %s) AS jsonb)", value, old, number)
		}
		names, values = append(names, name), append(values, value)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("there is no table %s", table)
	}
	id := "user_id"
	if table == "users" {
		id = "id"
	}
	where := fmt.Sprintf("t.tenant = "+c.parameter+" AND t.%s = "+c.parameter, 1, id, 2)
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS t, %s WHERE %s",
		table, strings.Join(names, ", "), strings.Join(values, ", "), table, c.series, where), nil
}
