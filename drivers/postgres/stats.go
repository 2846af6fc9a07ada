package postgres

import "time"

// Stats are figures of the connection pool. Counts are since the start.
type Stats struct {
	Max, Open, Used int           // connections: allowed, open, at work
	Waits           int64         // calls that found no connection free
	Waited          time.Duration // what those waited altogether
	Refused         int64         // calls that ended without getting one
}

// Stats returns the pool's present figures. The connections of [Tenant.Watch] are none of it.
func (db *DB) Stats() Stats {
	s := db.pool.Stat()
	return Stats{
		Max: int(s.MaxConns()), Open: int(s.TotalConns()), Used: int(s.AcquiredConns()),
		Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(), Refused: s.CanceledAcquireCount(),
	}
}
