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

// temporary tells whether SQLite's result code says nothing about the statement (SQLite: Result and Error Codes). Extended
// codes keep the primary one in their low byte.
func temporary(err error) bool {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}
