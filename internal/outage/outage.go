// Package outage is the one word that drivers and surfaces share for "not now": the database or the session store can't be
// reached, is failing over, is read-only or has no connection to spare. Drivers wrap [Err]; surfaces answer 503 and
// Retry-After for it, each in its dialect; nobody else needs to know.
package outage

import "errors"

// Err says that a store can't do it now and may later. Whether a change was made before is not known.
var Err = errors.New("storage is not available")

// RetryAfter is what surfaces send along, in seconds.
const RetryAfter = "5"
