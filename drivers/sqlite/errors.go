package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/latchkey-id/latchkey/internal/outage"
)

// ErrUnavailable says that the file can't be read or written now and may be later: the disk is full or failing, or another
// process holds the file for too long. Surfaces answer 503.
var ErrUnavailable = fmt.Errorf("sqlite: %w", outage.Err)

// temporary tells whether SQLite's result code says nothing about the statement.
func temporary(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}

// resultCode is SQLite's primary result code, 0 where the error is none of SQLite's. Extended codes keep the primary one in
// their low byte (SQLite: Result and Error Codes).
func resultCode(err error) int {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return 0
	}
	return failed.Code() & 0xff
}
