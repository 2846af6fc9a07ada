package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/observe"
	"github.com/latchkey-id/latchkey/server/web"
)

// watching is what operators see of a node: figures, which are always kept and served where metrics.listen says, and traces,
// which exist only where tracing.otlp_endpoint says.
type watching struct {
	metrics  *observe.Metrics
	tracer   *observe.Tracer // nil: nothing is traced
	listener net.Listener    // nil: nobody scrapes
	http     *http.Server
	log      *slog.Logger
}

// Bounds of watching: a scrape is small, and nobody waits for the last traces for long.
const (
	scrapeTimeout = 10 * time.Second
	scrapeHeader  = 8 << 10
	flushTimeout  = 3 * time.Second
)

// newWatching binds the listener of the metrics, so that its address is known, and doesn't serve it yet.
func newWatching(ctx context.Context, c *config.Config, log *slog.Logger) (*watching, error) {
	w := &watching{metrics: observe.NewMetrics(version()), log: log}
	if c.Tracing.OTLPEndpoint != "" {
		tracer, err := observe.NewTracer(ctx, observe.TracerOptions{
			Endpoint: c.Tracing.OTLPEndpoint, Ratio: c.Tracing.SampleRatio, Version: version(), Log: log,
		})
		if err != nil {
			return nil, err
		}
		w.tracer = tracer
	}
	if c.Metrics.Listen == "" {
		return w, nil
	}
	listener, err := net.Listen("tcp", c.Metrics.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("metrics.listen: %w", err), w.close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", w.metrics.Handler(log))
	w.listener, w.http = listener, &http.Server{
		Handler: mux, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxHeaderBytes: scrapeHeader,
		ReadHeaderTimeout: scrapeTimeout, ReadTimeout: scrapeTimeout, WriteTimeout: scrapeTimeout, IdleTimeout: c.Limits.IdleTimeout,
	}
	return w, nil
}

// observers are what the edge tells of requests.
func (w *watching) observers() []web.Observer {
	if w.tracer == nil {
		return []web.Observer{w.metrics}
	}
	return []web.Observer{w.metrics, w.tracer}
}

// around is what outbound puts around its requests.
func (w *watching) around() func(http.RoundTripper) http.RoundTripper {
	if w.tracer == nil {
		return nil
	}
	return w.tracer.Transport
}

// stores puts figures and traces around the stores.
func (w *watching) stores(s *stores) {
	calls := observe.NewCalls(w.metrics, w.tracer, time.Now)
	s.users, s.short, s.grants = calls.Users(s.users), calls.Ephemeral(s.short), calls.Grants(s.grants)
	s.config, s.keys, s.events = calls.Tenant(s.config), calls.Keys(s.keys), calls.Audit(s.events)
	for name, read := range s.pools {
		w.metrics.Pool(name, read)
	}
}

// serve answers scrapes until close. People can log in without being counted, so an error ends nothing.
func (w *watching) serve() {
	if w.http == nil {
		return
	}
	w.log.Info("serving metrics", "address", w.listener.Addr().String())
	if err := w.http.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
		w.log.Error("metrics are not served any more", "error", err)
	}
}

// close ends the listener at once, as nobody depends on a scrape, and sends the last traces.
func (w *watching) close() error {
	var err error
	if w.http != nil {
		// Closing the listener as well covers a server that never served.
		err = errors.Join(w.http.Close(), closed(w.listener))
	}
	if w.tracer != nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		w.tracer.Close(ctx)
	}
	return err
}

// closed closes the listener unless it is closed already.
func closed(l net.Listener) error {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
