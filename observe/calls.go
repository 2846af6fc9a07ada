package observe

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// Calls makes stores that tell what happens to them.
type Calls struct {
	metrics *Metrics
	tracer  *Tracer
	now     func() time.Time
}

// NewCalls counts in m and traces to t; t is nil where nothing is traced. now is the machine's clock.
func NewCalls(m *Metrics, t *Tracer, now func() time.Time) *Calls {
	return &Calls{metrics: m, tracer: t, now: now}
}

// outcome is what became of a call.
type outcome string

const (
	ok          outcome = "ok"
	notFound    outcome = "not_found"   // there is none, or none any more
	conflict    outcome = "conflict"    // somebody else was first
	refused     outcome = "refused"     // the caller's own change decided against it
	canceled    outcome = "canceled"    // the caller left
	unavailable outcome = "unavailable" // the store can't do it now
	failed      outcome = "error"       // anything else
)

var (
	missing = []error{profilestore.ErrNotFound, sessions.ErrNotFound, sessions.ErrRevoked, tenant.ErrNotFound}
	taken   = []error{
		profilestore.ErrIdentityTaken, profilestore.ErrEmailTaken, profilestore.ErrUsernameTaken, profilestore.ErrPhoneTaken,
		sessions.ErrTaken, sessions.ErrExists,
	}
)

func classify(ctx context.Context, err error) outcome {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case err == nil:
		return ok
	case errors.Is(ctx.Err(), context.Canceled):
		return canceled
	case slices.ContainsFunc(missing, is):
		return notFound
	case slices.ContainsFunc(taken, is):
		return conflict
	case is(outage.Err), is(context.DeadlineExceeded):
		return unavailable
	}
	return failed
}

// point is a method of a store. Everything that is the same for all calls of it is made once.
type point struct {
	store, method, span string
	durations           prometheus.ObserverVec // by outcome
	tracer              *Tracer
	now                 func() time.Time
}

// points returns how to make the points of one store.
func (c *Calls) points(store string) func(method string) *point {
	return func(method string) *point {
		return &point{
			store: store, method: method, span: store + "." + method, tracer: c.tracer, now: c.now,
			durations: c.metrics.calls.MustCurryWith(prometheus.Labels{"store": store, "method": method}),
		}
	}
}

// call is one call on its way.
type call struct {
	point *point
	ctx   context.Context
	began time.Time
	span  trace.Span // nil where it isn't traced
	// refused: the caller's own function returned an error. broken: the store failed it inside that function.
	refused, broken bool
}

// begin starts the clock. The context it returns is the one to call the store with.
func (p *point) begin(ctx context.Context) (context.Context, call) {
	var span trace.Span
	if p.tracer != nil {
		ctx, span = p.tracer.call(ctx, p)
	}
	return ctx, call{point: p, ctx: ctx, began: p.now(), span: span}
}

// end says what became of the call and returns err as it is.
func (c *call) end(err error) error {
	became := classify(c.ctx, err)
	if became == failed && c.refused && !c.broken {
		became = refused
	}
	took := c.point.now().Sub(c.began)
	c.point.durations.WithLabelValues(string(became)).Observe(took.Seconds())
	if c.span != nil {
		endCall(c.span, became)
	}
	if became == failed || became == unavailable {
		c.log(err, became, took)
	}
	return err
}

// log writes down what went wrong in a request, under its id. Background work logs its own errors.
func (c *call) log(err error, became outcome, took time.Duration) {
	if log := web.LogOf(c.ctx); log != nil {
		log.WarnContext(c.ctx, "store call failed", "store", c.point.store, "method", c.point.method, "outcome", string(became),
			"ms", float64(took.Microseconds())/1000, "error", err)
	}
}

// decided notes what the caller's function returned. Drivers may run it again; its last word counts.
func (c *call) decided(err error) error {
	c.refused = err != nil
	return err
}

// inside notes what the store said inside the caller's function.
func (c *call) inside(err error) error {
	if classify(c.ctx, err) == failed {
		c.broken = true
	}
	return err
}
