package hosted

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// provider sends the person to the identity provider whose button they chose.
func (s *Surface) provider(w http.ResponseWriter, r *http.Request) error {
	f, err := s.load(r, r.URL.Query().Get("state"))
	if err != nil {
		return err
	}
	conn := f.config.ConnectionByName(r.URL.Query().Get("connection"))
	if conn == nil || f.Request.Connection != "" && f.Request.Connection != conn.Name {
		return web.Bad("This way to log in doesn't exist")
	}
	return s.visit(w, r, f, conn)
}

// visit begins a visit to an identity provider. What must be remembered until the person comes back is stored under the
// state that is sent along, usable once and only by this browser.
func (s *Surface) visit(w http.ResponseWriter, r *http.Request, f *flow, conn *tenant.Connection) error {
	if !conn.EnabledFor(f.client.ID) {
		return s.fail(w, r, f, sessions.Failure{Code: "invalid_request", Description: "the connection was disabled"})
	}
	connector, err := s.redirecting(conn)
	if err != nil {
		return s.providerFailed(w, r, f, conn, err)
	}
	state, redirectURI := connectors.NewState(), s.Issuer+"login/callback"
	address, pending, err := connector.AuthURL(r.Context(), connectors.AuthRequest{
		State: state, RedirectURI: redirectURI, LoginHint: f.Request.LoginHint, Prompt: upstreamPrompt(f.Request),
		Scopes: f.Request.ConnectionScope, Params: extraParams(f.Request),
	})
	if err != nil {
		return s.providerFailed(w, r, f, conn, err)
	}
	err = s.Upstreams.Insert(r.Context(), state, "", sessions.Upstream{
		Transaction: f.secret, Browser: f.Transaction.Browser, Connection: conn.ID, RedirectURI: redirectURI,
		Nonce: pending.Nonce, Verifier: pending.Verifier, FormPost: pending.FormPost,
	}, f.StartedAt.Add(s.TransactionTTL))
	if err != nil {
		return err
	}
	web.NoStore(w)
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusFound)
	return nil
}

// upstreamPrompt passes on that the person must prove it anew.
func upstreamPrompt(q sessions.AuthorizeRequest) string {
	if q.Prompts("login") || q.MaxAge != nil && *q.MaxAge == 0 {
		return "login"
	}
	if q.Prompts("select_account") {
		return "select_account"
	}
	return ""
}

func extraParams(q sessions.AuthorizeRequest) url.Values {
	values := url.Values{}
	for name, value := range q.Extra {
		values.Set(name, value)
	}
	return values
}

func (s *Surface) redirecting(conn *tenant.Connection) (connectors.Redirect, error) {
	opened, err := s.Connectors.Get(conn)
	if err != nil {
		return nil, err
	}
	connector, ok := opened.(connectors.Redirect)
	if !ok {
		return nil, login.ErrWrongStrategy
	}
	return connector, nil
}

// callback takes the person back from an identity provider (Auth0: the callback of all social connections).
func (s *Surface) callback(w http.ResponseWriter, r *http.Request) error {
	params, err := callbackParams(r)
	if err != nil {
		return err
	}
	visit, f, err := s.returned(r, params.String("state"))
	if err != nil {
		return err
	}
	conn := f.config.Connections[visit.Connection]
	if conn == nil || !conn.EnabledFor(f.client.ID) {
		return s.fail(w, r, f, sessions.Failure{Code: "invalid_request", Description: "the connection was disabled"})
	}
	connector, err := s.redirecting(conn)
	if err != nil {
		return s.providerFailed(w, r, f, conn, err)
	}
	assertion, err := connector.Finish(r.Context(), connectors.Callback{
		Params: params.Values(), RedirectURI: visit.RedirectURI,
		Pending: connectors.Pending{Nonce: visit.Nonce, Verifier: visit.Verifier, FormPost: visit.FormPost},
	})
	if err != nil {
		return s.providerFailed(w, r, f, conn, err)
	}
	result, err := s.Login.Complete(r.Context(), assertion, s.origin(r, f))
	if errors.Is(err, outage.Err) {
		return err
	}
	if err != nil {
		failure, known := failureOf(err)
		if !known {
			web.Log(r).Error("log-in could not be completed", "connection", conn.Name, "error", err)
		}
		return s.fail(w, r, f, failure)
	}
	return s.logIn(w, r, f, result)
}

func callbackParams(r *http.Request) (web.Params, error) {
	if r.Method == http.MethodPost {
		return web.Body(r)
	}
	return web.Query(r)
}

// returned takes back what was stored when the visit began. A state works once, and only in the browser it was given to:
// somebody else's callback must not log this browser in (RFC 6749 §10.12).
func (s *Surface) returned(r *http.Request, state string) (sessions.Upstream, *flow, error) {
	browser := s.Cookies.Get(r, web.BrowserCookie)
	visit, err := s.Upstreams.Get(r.Context(), state)
	if err == nil && (browser == "" || sessions.Hash(browser) != visit.Browser) {
		return visit, nil, errExpired
	}
	if err == nil {
		visit, err = s.Upstreams.Take(r.Context(), state)
	}
	if errors.Is(err, sessions.ErrNotFound) || errors.Is(err, sessions.ErrTaken) {
		return visit, nil, errExpired
	}
	if err != nil {
		return visit, nil, err
	}
	f, err := s.load(r, visit.Transaction)
	return visit, f, err
}

// providerFailed tells the app what the identity provider did wrong, or that we can't reach it.
func (s *Surface) providerFailed(w http.ResponseWriter, r *http.Request, f *flow, conn *tenant.Connection, err error) error {
	failure, known := failureOf(err)
	if !known {
		failure = sessions.Failure{Code: "access_denied", Description: "The identity provider could not be used. Please try again."}
	}
	cause := err.Error()
	web.Log(r).Warn("identity provider failed", "connection", conn.Name, "error", strings.ToValidUTF8(cause, "?"))
	s.Audit.Record(r.Context(), audit.Event{
		Type: audit.FailedLogin, ClientID: f.client.ID, ClientName: f.client.Name, Connection: conn.Name, ConnectionID: conn.ID,
		Strategy: conn.Strategy, IP: web.ClientIP(r), UserAgent: r.UserAgent(), Description: failure.Description,
	})
	return s.fail(w, r, f, failure)
}
