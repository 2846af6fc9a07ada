// Package web is what all HTTP surfaces share: handlers that return errors, a request's id and client address, cookies with
// the right attributes, strict reading of parameters, CORS and security headers.
//
//	request ──► Edge (id, panic guard, limits, security headers, log line, observers)
//	        ──► a surface's router ──► Handler ──error──► the surface's ErrorWriter
//
// HTTP statuses of errors belong to the surfaces: each has its own dialect. This package only knows that input was bad
// ([BadInput]).
package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// Handler answers a request or returns why it can't.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ErrorWriter turns an error into an answer in a surface's dialect. Nothing has been written to w yet.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, err error)

// Handle adapts a Handler.
func Handle(h Handler, onError ErrorWriter) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			onError(w, r, err)
		}
	}
}

// BadInput says what is wrong with a request, in words for whoever sent it.
type BadInput struct {
	Message string
	// Status is 400 unless set: 405, 413, 415.
	Status int
}

func (e *BadInput) Error() string { return e.Message }

// Bad returns a BadInput.
func Bad(format string, args ...any) error { return &BadInput{Message: fmt.Sprintf(format, args...)} }

// Edge is what every request passes first.
type Edge struct {
	Logger  *slog.Logger
	Trusted []netip.Prefix // proxies whose X-Forwarded-For, X-Request-Id and traceparent are believed
	HTTPS   bool           // the issuer is https: adds HSTS
	MaxBody int64
	Now     func() time.Time
	// Observers are told of every request, in this order when it comes and in the opposite one when it ends.
	Observers []Observer
}

// Observer is told of requests, such as to count or to trace them.
type Observer interface {
	// Begin sees a request before anything else does. What it returns is the context the request is handled in. trusted says
	// that a trusted proxy sent it, whose headers about it are to be believed.
	Begin(ctx context.Context, r *http.Request, trusted bool) context.Context
	// End is called exactly once for every Begin, with the context of the request, also where its handler panicked.
	End(ctx context.Context, o Outcome)
}

// Outcome is what became of a request.
type Outcome struct {
	ID     string // the request's, as in the log
	Method string // as it was sent, so anything
	Route  string // pattern of the route, or "-" where none matched; never the path
	// Status is what was answered; 0 where the handler gave up (http.ErrAbortHandler) before it answered.
	Status int
	Took   time.Duration
}

// SlowRequest is how long a request may take before its log line becomes a warning.
const SlowRequest = time.Second

type contextKey int

const infoKey contextKey = iota

// info is what Edge learnt about a request.
type info struct {
	id, ip string
	log    *slog.Logger
}

// RequestID names the request in logs and on error pages.
func RequestID(r *http.Request) string { return infoOf(r.Context()).id }

// ClientIP is the address of whoever sent the request, behind trusted proxies.
func ClientIP(r *http.Request) string { return infoOf(r.Context()).ip }

// Log is the logger of the request.
func Log(r *http.Request) *slog.Logger { return infoOf(r.Context()).log }

// LogOf is the logger of the request that ctx belongs to; nil where it belongs to none, as in background work.
func LogOf(ctx context.Context) *slog.Logger {
	if i, ok := ctx.Value(infoKey).(*info); ok {
		return i.log
	}
	return nil
}

func infoOf(ctx context.Context) *info {
	if i, ok := ctx.Value(infoKey).(*info); ok {
		return i
	}
	return &info{log: slog.Default()}
}

// Wrap returns the handler behind the edge.
func (e Edge) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := e.Now()
		peer, trusted := e.peer(r)
		id := requestID(r, trusted)
		i := &info{id: id, ip: e.clientIP(r, peer, trusted), log: e.Logger.With("request_id", id)}
		// The route context is made here so that the log line can name the route after the router has found it.
		ctx := context.WithValue(r.Context(), chi.RouteCtxKey, chi.NewRouteContext())
		ctx = context.WithValue(ctx, infoKey, i)
		for _, o := range e.Observers {
			ctx = o.Begin(ctx, r, trusted)
		}
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, e.MaxBody)
		h := w.Header()
		h.Set("X-Request-Id", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if e.HTTPS {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		rec := &recorder{ResponseWriter: w}
		defer e.finish(rec, r, began)
		next.ServeHTTP(rec, r)
	})
}

// finish logs the request and tells the observers, and answers it where the handler panicked: one broken request must not
// end the process.
func (e Edge) finish(w *recorder, r *http.Request, began time.Time) {
	cause := recover()
	err, ok := cause.(error)
	aborted := ok && errors.Is(err, http.ErrAbortHandler)
	if cause != nil && !aborted {
		Log(r).Error("handler panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if w.status == 0 {
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		}
	}
	if w.status == 0 && !aborted {
		w.status = http.StatusOK // what net/http answers for a handler that wrote nothing
	}
	o := Outcome{ID: RequestID(r), Method: r.Method, Route: routePattern(r), Status: w.status, Took: e.Now().Sub(began)}
	e.log(r, o)
	for _, observer := range slices.Backward(e.Observers) {
		observer.End(r.Context(), o)
	}
	if aborted {
		panic(cause) // net/http closes the connection for it
	}
}

// log writes the request's line. The path may hold a user id and the query codes and states: neither is written.
func (e Edge) log(r *http.Request, o Outcome) {
	level := slog.LevelInfo
	if o.Took > SlowRequest {
		level = slog.LevelWarn
	}
	if e.Logger.Enabled(r.Context(), level) {
		Log(r).Log(r.Context(), level, "request", "method", o.Method, "route", o.Route, "status", o.Status,
			"ms", float64(o.Took.Microseconds())/1000, "ip", ClientIP(r))
	}
}

func routePattern(r *http.Request) string {
	if rc := chi.RouteContext(r.Context()); rc != nil {
		if p := rc.RoutePattern(); p != "" {
			return p
		}
	}
	return "-"
}

// maxRequestID is the longest id that is taken over.
const maxRequestID = 64

// requestID takes over the id that a trusted proxy gave the request, so that both logs name it alike, if it is short and
// consists of visible ASCII; otherwise it makes one.
func requestID(r *http.Request, trusted bool) string {
	if given := r.Header["X-Request-Id"]; trusted && len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func isRequestID(id string) bool {
	visible := func(r rune) bool { return r > ' ' && r <= '~' }
	return id != "" && len(id) <= maxRequestID && strings.IndexFunc(id, func(r rune) bool { return !visible(r) }) < 0
}

// peer is who opened the connection, and whether that is a trusted proxy. The address is invalid where it can't be told.
func (e Edge) peer(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	addr := peer.Addr().Unmap()
	return addr, e.trusted(addr)
}

// clientIP believes X-Forwarded-For from the right, as far as the chain consists of trusted proxies.
func (e Edge) clientIP(r *http.Request, addr netip.Addr, trusted bool) string {
	if !addr.IsValid() {
		return ""
	}
	if !trusted {
		return addr.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
		if !e.trusted(addr) {
			break
		}
	}
	return addr.String()
}

func (e Edge) trusted(addr netip.Addr) bool {
	for _, p := range e.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// recorder remembers the status for the log line.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
