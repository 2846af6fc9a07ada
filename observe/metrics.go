package observe

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/latchkey-id/latchkey/server/web"
)

// Metrics holds the figures of one process. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	inFlight prometheus.Gauge
	calls    *prometheus.HistogramVec
}

// Bounds of histograms, in seconds: a request takes a millisecond or waits for a person's provider; a call of a store takes
// microseconds or waits for a lock.
var (
	requestBounds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	callBounds    = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}
)

// NewMetrics returns figures that begin at zero. version is the program's.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "latchkey_http_request_duration_seconds", Buckets: requestBounds,
			Help: "Time to answer requests, by method, pattern of the route and class of the status.",
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "latchkey_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "latchkey_store_call_duration_seconds", Buckets: callBounds,
			Help: "Time of calls to stores, by store, method and outcome.",
		}, []string{"store", "method", "outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "latchkey_build_info", Help: "Always 1; what runs is in the labels.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.requests, m.inFlight, m.calls, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// scrapes is how many scrapes are answered at once; more are told to come again.
const scrapes = 4

// Handler answers scrapes in the text format of Prometheus.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: scrapes,
	})
}

// Begin counts a request in ([web.Observer]).
func (m *Metrics) Begin(ctx context.Context, _ *http.Request, _ bool) context.Context {
	m.inFlight.Inc()
	return ctx
}

// End counts a request out ([web.Observer]).
func (m *Metrics) End(_ context.Context, o web.Outcome) {
	m.inFlight.Dec()
	m.requests.WithLabelValues(method(o.Method), route(o.Route), class(o.Status)).Observe(o.Took.Seconds())
}

// method is the method if it is one of HTTP's own: clients may send any word (OpenTelemetry: HTTP spans, _OTHER).
func method(sent string) string {
	switch sent {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return sent
	}
	return "_OTHER"
}

// route is the pattern, or one word for all addresses that nobody serves.
func route(pattern string) string {
	if pattern == "-" {
		return "unmatched"
	}
	return pattern
}

func class(status int) string {
	switch status / 100 {
	case 0:
		return "aborted"
	case 1:
		return "1xx"
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	}
	return "5xx"
}
