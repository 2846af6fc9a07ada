// Package mgmtapi is the Management API, /api/v2/*, in Auth0's dialect: errors are {statusCode, error, message, errorCode}.
//
//	request ──► routes.go (one table) ──► auth.go (token, scopes, whose) ──► query and body checks ──► handler
//	        ──► profilestore's rules inside one transaction, or tenant.Cache ──► answer ──► audit
//
// Two kinds of tokens open it: a client's own (client_credentials), which acts by its scopes, and a person's, which acts on
// that person alone and only by *:current_user* scopes. What a user may become is decided by profilestore and login; this
// package reads requests, asks them, and words the answers.
package mgmtapi

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// maxBody is the largest body in bytes (Auth0: Management API, introduction).
const maxBody = 1 << 20

// Surface serves the Management API. All fields but Avatars are needed.
type Surface struct {
	Issuer     string // ends in "/"
	Tenant     *tenant.Cache
	Users      profilestore.Store
	Login      *login.Service
	Gate       login.Gate
	Grants     sessions.Grants
	Sessions   sessions.Box[sessions.Session]
	Keys       *tokens.Keyring
	Connectors *connectors.Registry
	Audit      *audit.Log
	Avatars    string // base of default pictures
	Now        func() time.Time
}

// Routes adds the endpoints to a router. It takes everything below /api/v2.
func (s *Surface) Routes(r chi.Router) {
	r.Route("/api/v2", func(r chi.Router) {
		r.Use(web.CORS(s.anyClientAllows, false))
		for _, row := range routes() {
			r.Method(row.Method, row.Pattern, s.serve(row))
		}
		unknown := web.Handle(s.unknown, writeError)
		r.NotFound(unknown)
		r.MethodNotAllowed(unknown)
	})
}

func (s *Surface) anyClientAllows(origin string) bool {
	return s.Tenant.Current().AnyAllowsOrigin(origin)
}

// serve answers one row of the table.
func (s *Surface) serve(row route) http.HandlerFunc {
	return web.Handle(func(w http.ResponseWriter, r *http.Request) error {
		c, err := s.authenticate(w, r)
		if err != nil {
			return err
		}
		if row.Method == http.MethodGet {
			return s.run(row, c)
		}
		err = s.run(row, c)
		s.logWrite(row, c, err)
		return err
	}, writeError)
}

func (s *Surface) run(row route, c *call) error {
	if err := c.caller.require(row.Scopes); err != nil {
		return err
	}
	if err := c.readPath(); err != nil {
		return err
	}
	if err := c.readQuery(row.Query); err != nil {
		return err
	}
	if c.caller.userID != "" && c.ids["id"] != c.caller.userID {
		return forbidden("User to be acted on does not match subject in bearer token.", "")
	}
	return row.Handler(s, c)
}
