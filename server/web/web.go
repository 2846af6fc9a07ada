// Package web is what all HTTP surfaces share: handlers that return errors, a request's id and client address, cookies with
// the right attributes, strict reading of parameters, CORS and security headers.
//
//	request ──► Edge (id, panic guard, limits, security headers, log line)
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
	Trusted []netip.Prefix // proxies whose X-Forwarded-For is believed
	HTTPS   bool           // the issuer is https: adds HSTS
	MaxBody int64
	Now     func() time.Time
}

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
		id := requestID()
		i := &info{id: id, ip: e.clientIP(r), log: e.Logger.With("request_id", id)}
		// The route context is made here so that the log line can name the route after the router has found it.
		ctx := context.WithValue(r.Context(), chi.RouteCtxKey, chi.NewRouteContext())
		r = r.WithContext(context.WithValue(ctx, infoKey, i))
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

// finish logs the request, and answers it where the handler panicked: one broken request must not end the process.
func (e Edge) finish(w *recorder, r *http.Request, began time.Time) {
	if cause := recover(); cause != nil {
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
		Log(r).Error("handler panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		if w.status == 0 {
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		}
	}
	if !e.Logger.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	// The path may carry a user id but never a query: codes and states stand there.
	Log(r).Info("request", "method", r.Method, "route", routePattern(r), "status", w.status,
		"ms", float64(e.Now().Sub(began).Microseconds())/1000, "ip", ClientIP(r))
}

func routePattern(r *http.Request) string {
	if rc := chi.RouteContext(r.Context()); rc != nil {
		if p := rc.RoutePattern(); p != "" {
			return p
		}
	}
	return "-"
}

func requestID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// clientIP believes X-Forwarded-For from the right, as far as the chain consists of trusted proxies.
func (e Edge) clientIP(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := peer.Addr().Unmap()
	if !e.trusted(addr) {
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
