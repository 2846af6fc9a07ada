// Package server puts the surfaces behind one listener: health checks, the edge that every request passes, and an answer
// for addresses that nobody serves.
package server

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
)

// Surface is a part of the HTTP API with its own dialect of errors.
type Surface interface{ Routes(r chi.Router) }

// Options are what New puts together.
type Options struct {
	Edge     web.Edge
	Pages    *page.Kit
	Surfaces []Surface
	// Dev is mounted under /dev in dev mode; nil otherwise, so that its addresses answer 404.
	Dev http.Handler
	// Ready tells whether requests can be served: the stores are reachable and no shutdown has begun.
	Ready func(ctx context.Context) error
}

// readyTimeout bounds a readiness check.
const readyTimeout = 2 * time.Second

// New returns the handler of the whole server.
func New(o Options) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, o.Ready) })
	for _, s := range o.Surfaces {
		s.Routes(r)
	}
	if o.Dev != nil {
		r.Handle("/dev", o.Dev)
		r.Handle("/dev/*", o.Dev)
	}
	missing := func(w http.ResponseWriter, r *http.Request) {
		o.Pages.Error(w, r, page.Problem{Status: http.StatusNotFound, Kind: views.ErrorMissing, Code: "not_found"})
	}
	r.NotFound(missing)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{"error": "method_not_allowed", "error_description": "This address does not take " + r.Method + " requests"}
		if err := web.WriteJSON(w, http.StatusMethodNotAllowed, body); err != nil {
			web.Log(r).Error("answer can't be encoded", "error", err)
		}
	})
	return o.Edge.Wrap(r)
}

func ready(w http.ResponseWriter, r *http.Request, check func(context.Context) error) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := check(ctx); err != nil {
		web.Log(r).Warn("not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "not ready")
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	web.NoStore(w)
	w.WriteHeader(status)
	// Whoever asked may be gone; nobody is left to tell.
	_, _ = w.Write([]byte(text + "\n"))
}
