// Package authapi is the part of Auth0's Authentication API that isn't OAuth: /dbconnections/* and, as they come,
// /passwordless/*, /co/authenticate and /mfa/*. Its errors have three shapes, as SDKs have learnt to read them; errors.go
// holds them all.
package authapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
)

// Surface serves the endpoints of this package. All fields are needed.
type Surface struct {
	Tenant *tenant.Cache
	Login  *login.Service
}

// Routes adds the endpoints to a router.
func (s *Surface) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(web.CORS(s.anyClientAllows, false))
		r.Post("/dbconnections/signup", web.Handle(s.signup, writeError))
		r.Options("/dbconnections/signup", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	})
}

func (s *Surface) anyClientAllows(origin string) bool {
	return s.Tenant.Current().AnyAllowsOrigin(origin)
}
