package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/latchkey-id/latchkey/internal/outage"
)

// ErrUnavailable wraps what another try may heal: servers that can't be reached, don't answer in time, are starting,
// failing over, full or without a free connection. Whether a change was made before is not known then.
var ErrUnavailable = fmt.Errorf("redis: %w", outage.Err)

// notReady is how Redis begins its errors when it refuses for the moment.
//
// Source: Redis documentation, "Redis serialization protocol specification", Simple errors; src/server.c.
const notReady = "LOADING READONLY CLUSTERDOWN MASTERDOWN TRYAGAIN MOVED ASK OOM NOREPLICAS MISCONF BUSY UNKILLABLE"

// classify says in the words of this package what went wrong. A context that the caller cancelled stays what it is.
func classify(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case unavailable(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case goredis.HasErrorPrefix(err, "WRONGTYPE"):
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return fmt.Errorf("redis: %w", err)
}

func unavailable(err error) bool {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, goredis.ErrPoolTimeout) || errors.Is(err, goredis.ErrPoolExhausted) {
		return true
	}
	var answer goredis.Error
	if errors.As(err, &answer) {
		for prefix := range strings.SplitSeq(notReady, " ") {
			if goredis.HasErrorPrefix(err, prefix) {
				return true
			}
		}
		return goredis.HasErrorPrefix(err, "ERR max number of clients reached")
	}
	// The client has no names for these.
	text := err.Error()
	return strings.Contains(text, "all sentinels specified in configuration are unreachable") ||
		strings.Contains(text, "cluster has no nodes")
}
