// Package oauth is the OAuth 2.0 and OpenID Connect surface in Auth0's dialect: /authorize, /oauth/*, /userinfo, discovery,
// keys and log-out.
//
//	GET /authorize ──► checked request ──► SSO session good? ──► code ──► redirect to the app
//	                                  └──► sessions.Transaction ──► /u/login (server/hosted) ──► /authorize/resume ──► code
//	POST /oauth/token ──► grant_*.go ──► login.Gate ──► tokens
//	GET /userinfo ──► token ──► grant ──► login.Gate ──► claims by scope and the grant's custom claims
//
// A redirect to an app happens only after client and redirect URI are proven, and one writer (respond.go) delivers
// success and error alike in every response mode. Errors are {"error", "error_description"} or, before that proof, a page.
package oauth

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// Surface serves the endpoints of this package. All fields are needed.
type Surface struct {
	Issuer       string // ends in "/"
	Tenant       *tenant.Cache
	Users        profilestore.Store
	Login        *login.Service
	Gate         login.Gate
	Grants       sessions.Grants
	Transactions sessions.Box[sessions.Transaction]
	Codes        sessions.Box[sessions.Code]
	Assertions   sessions.Box[bool] // jti of used client assertions
	Keys         *tokens.Keyring
	Opaque       *tokens.Opaque
	Audit        *audit.Log
	Pages        *page.Kit
	Cookies      web.Cookies
	Now          func() time.Time
}

// Routes adds the endpoints to a router.
func (s *Surface) Routes(r chi.Router) {
	page := func(h web.Handler) http.HandlerFunc { return web.Handle(h, s.errorPage) }
	api := func(h web.Handler) http.HandlerFunc { return web.Handle(h, writeError) }

	r.Get("/authorize", page(s.authorize))
	r.Post("/authorize", page(s.authorize))
	r.Get("/authorize/resume", page(s.resume))
	r.Get("/v2/logout", page(s.logout))
	r.Get("/oidc/logout", page(s.oidcLogout))
	r.Post("/oidc/logout", page(s.oidcLogout))

	r.Group(func(r chi.Router) {
		r.Use(web.CORS(s.anyClientAllows, false))
		r.Post("/oauth/token", api(s.token))
		r.Options("/oauth/token", nothing)
		r.Post("/oauth/revoke", api(s.revoke))
		r.Options("/oauth/revoke", nothing)
		r.Get("/userinfo", s.userinfo)
		r.Post("/userinfo", s.userinfo)
		r.Options("/userinfo", nothing)
	})
	r.Group(func(r chi.Router) {
		r.Use(web.AnyOrigin)
		r.Get("/.well-known/openid-configuration", s.discovery)
		r.Options("/.well-known/openid-configuration", nothing)
		r.Get("/.well-known/oauth-authorization-server", s.discovery)
		r.Get("/.well-known/jwks.json", s.jwks)
		r.Options("/.well-known/jwks.json", nothing)
	})
}

// nothing stands behind routes that the CORS middleware answers.
func nothing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (s *Surface) anyClientAllows(origin string) bool {
	return s.Tenant.Current().AnyAllowsOrigin(origin)
}

// holdOrigin keeps the answer from a page whose origin is not one of this client's.
func holdOrigin(w http.ResponseWriter, r *http.Request, c *tenant.Client) {
	if origin := r.Header.Get("Origin"); origin != "" && !tenant.AllowsOrigin(c, origin) {
		web.DenyOrigin(w)
	}
}

func (s *Surface) origin(r *http.Request, clientID string) login.Origin {
	return login.Origin{ClientID: clientID, IP: web.ClientIP(r), UserAgent: r.UserAgent()}
}
