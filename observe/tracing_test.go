package observe_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/observe"
	"github.com/latchkey-id/latchkey/server/web"
)

func newTracer(t *testing.T, endpoint string, log *slog.Logger) *observe.Tracer {
	t.Helper()
	tracer, err := observe.NewTracer(t.Context(), observe.TracerOptions{Endpoint: endpoint, Ratio: 1, Version: "v1", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// roundTripper answers, or doesn't, with what it remembers of the request.
type roundTripper struct {
	seen   *http.Request
	err    error
	closed bool
}

func (rt *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	rt.seen = r
	if rt.err != nil {
		return nil, rt.err
	}
	return &http.Response{StatusCode: http.StatusTeapot, Body: http.NoBody, Request: r}, nil
}

func (rt *roundTripper) CloseIdleConnections() { rt.closed = true }

// A collector that takes deliveries and never confirms them holds up neither requests nor the end of the process.
func TestASilentCollectorIsNotWaitedFor(t *testing.T) {
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	var logged bytes.Buffer
	tracer := newTracer(t, silent.URL, slog.New(slog.NewTextHandler(&logged, nil)))
	for range 5000 { // more than the queue takes
		tracer.End(tracer.Begin(t.Context(), httptest.NewRequest(http.MethodGet, "/", nil), false), web.Outcome{Method: "GET", Route: "/", Status: 200})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	tracer.Close(ctx)
	if ctx.Err() == nil {
		t.Error("the traces were delivered to nobody")
	}
	if !strings.Contains(logged.String(), "last traces are lost") {
		t.Errorf("logged: %s", logged.String())
	}
}

func TestRequestsToTheOutsideStayAsTheyAre(t *testing.T) {
	tracer := newTracer(t, "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		tracer.Close(ctx)
	})
	unreachable := errors.New("no route to host")
	traced := tracer.Begin(t.Context(), httptest.NewRequest(http.MethodGet, "/", nil), false)
	for name, ctx := range map[string]context.Context{"traced": traced, "in the background": t.Context()} {
		for _, want := range []error{nil, unreachable} {
			next := &roundTripper{err: want}
			around := tracer.Transport(next)
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://idp.example/token?code=1", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := around.RoundTrip(r)
			if !errors.Is(err, want) || want == nil && response.StatusCode != http.StatusTeapot {
				t.Errorf("%s: %v, %v; want %v", name, response, err, want)
			}
			if response != nil {
				response.Body.Close()
			}
			if len(next.seen.Header) != 0 || next.seen.URL.String() != r.URL.String() || (next.seen == r) != (name != "traced") {
				t.Errorf("%s: sent %s with %v", name, next.seen.URL, next.seen.Header)
			}
			(&http.Client{Transport: around}).CloseIdleConnections()
			if !next.closed {
				t.Errorf("%s: connections are not closed", name)
			}
		}
	}
}
