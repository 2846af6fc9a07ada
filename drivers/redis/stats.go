package redis

import "time"

// Stats are figures of the connections to all servers together. Counts are since the start.
type Stats struct {
	Open, Used int           // connections: open, at work
	Waits      int64         // calls that found no connection free
	Waited     time.Duration // what those waited altogether
	Refused    int64         // calls that ended without getting one
}

// Stats returns the present figures.
func (db *DB) Stats() Stats {
	s := db.client.PoolStats()
	return Stats{
		Open: int(s.TotalConns), Used: int(s.TotalConns) - int(min(s.IdleConns, s.TotalConns)),
		Waits: int64(s.WaitCount), Waited: time.Duration(s.WaitDurationNs), Refused: int64(s.Timeouts),
	}
}
