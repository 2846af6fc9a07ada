package observe

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/latchkey-id/latchkey/server/web"
)

// exportTimeout bounds one delivery to the collector, repetitions included.
const exportTimeout = 10 * time.Second

// TracerOptions say where spans go.
type TracerOptions struct {
	// Endpoint is the collector's base URL; /v1/traces is appended (OpenTelemetry: OTLP exporter configuration).
	Endpoint string
	// Ratio is the share of requests that are traced, from 0 to 1, where no trusted proxy decided.
	Ratio   float64
	Version string
	Log     *slog.Logger
}

// Tracer makes spans of requests, of calls to stores and of requests to the outside, and sends them to a collector in the
// background. A collector that is slow or gone costs spans and a line in the log, never a request: what doesn't fit the
// queue is dropped.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	log      *slog.Logger
}

// NewTracer returns a tracer. It doesn't connect yet. Variables of OpenTelemetry that begin with OTEL_ apply beside o: headers
// for the collector, attributes of the resource.
func NewTracer(ctx context.Context, o TracerOptions) (*Tracer, error) {
	process, err := resource.New(
		ctx, resource.WithAttributes(attribute.String("service.name", "latchkey"), attribute.String("service.version", o.Version)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(reporting{SpanExporter: newExporter(o.Endpoint), log: o.Log}, sdktrace.WithExportTimeout(exportTimeout)),
		sdktrace.WithResource(process), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/latchkey-id/latchkey"), log: o.Log}, nil
}

// Close delivers what is queued, as long as ctx allows. What can't be delivered is lost and logged.
func (t *Tracer) Close(ctx context.Context) {
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("last traces are lost", "error", err)
	}
}

// reporting logs what could not be delivered. The SDK would tell a handler that belongs to the whole process.
type reporting struct {
	sdktrace.SpanExporter
	log *slog.Logger
}

// ExportSpans implements [sdktrace.SpanExporter].
func (r reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil {
		r.log.Warn("traces are lost", "spans", len(spans), "error", err)
	}
	return nil
}

// Begin starts the span of a request ([web.Observer]). The trace that the request belongs to is taken from a trusted proxy
// only (W3C Trace Context §3.2): anybody else could have everything traced, or tie their requests to other people's.
func (t *Tracer) Begin(ctx context.Context, r *http.Request, trusted bool) context.Context {
	if trusted {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, _ = t.tracer.Start(ctx, method(r.Method), trace.WithSpanKind(trace.SpanKindServer))
	return ctx
}

// End ends the span of a request ([web.Observer]). It is named by the route, which is known only now.
func (t *Tracer) End(ctx context.Context, o web.Outcome) {
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		span.SetName(method(o.Method) + " " + route(o.Route))
		span.SetAttributes(
			attribute.String("http.request.method", method(o.Method)), attribute.String("http.route", route(o.Route)),
			attribute.Int("http.response.status_code", o.Status), attribute.String("latchkey.request_id", o.ID),
		)
		if o.Status == 0 || o.Status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// call starts the span of a call to a store; nil outside traced requests, such as in background work.
func (t *Tracer) call(ctx context.Context, p *point) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.tracer.Start(
		ctx, p.span, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("latchkey.store", p.store), attribute.String("latchkey.method", p.method)),
	)
}

func endCall(span trace.Span, became outcome) {
	span.SetAttributes(attribute.String("latchkey.outcome", string(became)))
	if became == failed || became == unavailable {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Transport returns next with a span around every request that belongs to a traced one. The span names the host and neither
// path nor query, which hold codes; errors repeat addresses, so they stay out too. No traceparent goes along: whom people
// log in with is not to follow our traces.
func (t *Tracer) Transport(next http.RoundTripper) http.RoundTripper { return transport{t, next} }

type transport struct {
	tracer *Tracer
	next   http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanFromContext(r.Context()).IsRecording() {
		return t.next.RoundTrip(r)
	}
	ctx, span := t.tracer.tracer.Start(
		r.Context(), method(r.Method), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", method(r.Method)), attribute.String("server.address", r.URL.Hostname())),
	)
	defer span.End()
	response, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		span.SetStatus(codes.Error, "")
		return response, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	if response.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
	return response, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections.
func (t transport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}
