package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// logout answers GET /v2/logout (Auth0: Log Users Out of Applications). It works without a session, and leads only where
// an allowed list says.
func (s *Surface) logout(w http.ResponseWriter, r *http.Request) error {
	params, err := logoutParams(r)
	if err != nil {
		return err
	}
	config, clientID := s.Tenant.Current(), params.String("client_id")
	allowed := config.Settings.AllowedLogoutURLs
	if clientID != "" {
		client := config.Clients[clientID]
		if client == nil {
			return invalidRequest("Unknown client: " + printable(clientID))
		}
		allowed = client.AllowedLogoutURLs
	}
	target, err := logoutTarget(allowed, params.String("returnTo"), clientID != "")
	if err != nil {
		s.record(r, audit.Event{Type: audit.FailedLogout, ClientID: clientID, Description: err.Error()})
		return err
	}
	if err := s.endSession(w, r, clientID); err != nil {
		return err
	}
	web.NoStore(w)
	if target == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		// Whoever asked may be gone; nobody is left to tell.
		_, _ = w.Write([]byte("OK"))
		return nil
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
	return nil
}

// logoutParams reads the query, where "federated" may stand without a value.
func logoutParams(r *http.Request) (web.Params, error) { return web.Query(r) }

// logoutTarget is where the person goes: the asked address where the list has it, else the first of the client's list.
func logoutTarget(allowed []string, asked string, ofClient bool) (string, error) {
	if asked != "" {
		if !tenant.MatchLogout(allowed, asked) {
			return "", invalidRequest(`The "returnTo" querystring parameter "` + printable(asked) + `" is not defined as a valid URL in "Allowed Logout URLs"`)
		}
		return asked, nil
	}
	if ofClient && len(allowed) > 0 && !strings.Contains(allowed[0], "*") {
		return allowed[0], nil
	}
	return "", nil
}

// endSession ends the browser's SSO session, on the server and in the browser.
func (s *Surface) endSession(w http.ResponseWriter, r *http.Request, clientID string) error {
	secret := s.Cookies.Get(r, web.SessionCookie)
	if secret == "" {
		return nil
	}
	session, err := s.Login.Sessions.Get(r.Context(), secret)
	if err != nil && !errors.Is(err, sessions.ErrNotFound) {
		return err
	}
	if err := s.Login.Sessions.Delete(r.Context(), secret); err != nil {
		return err
	}
	s.Cookies.Clear(w, web.SessionCookie)
	if session.UserID != "" {
		s.record(r, audit.Event{Type: audit.SuccessLogout, ClientID: clientID, UserID: session.UserID, Connection: session.Connection})
	}
	return nil
}

// endSessionRequest is a checked request to /oidc/logout.
type endSessionRequest struct {
	params   web.Params
	clientID string
	sid      string // of the hints
	target   string
	hinted   bool
}

// oidcLogout answers /oidc/logout (OpenID Connect RP-Initiated Logout). Where the hints don't prove that the app speaks of
// this browser's session, the person is asked first: anybody could have sent them here.
func (s *Surface) oidcLogout(w http.ResponseWriter, r *http.Request) error {
	params, err := logoutRequest(r)
	if err != nil {
		return err
	}
	q, err := s.checkEndSession(params)
	if err != nil {
		return err
	}
	ours, err := s.hintsAtSession(r, q)
	if err != nil {
		return err
	}
	if !ours && (r.Method != http.MethodPost || !s.confirmed(r, params)) {
		return s.askLogout(w, r, q)
	}
	if err := s.endSession(w, r, q.clientID); err != nil {
		return err
	}
	web.NoStore(w)
	if q.target == "" {
		nonce := web.Nonce()
		web.PagePolicy{Nonce: nonce}.Apply(w)
		return s.Pages.Views.LoggedOut(w, views.LoggedOutPage{Page: s.Pages.Base(r, nonce, params.String("ui_locales"))})
	}
	w.Header().Set("Location", q.target)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// logoutRequest reads the query or the form. The confirmation page posts its answer to the address that asked, so both are
// there then.
func logoutRequest(r *http.Request) (web.Params, error) {
	query, err := web.Query(r)
	if err != nil || r.Method != http.MethodPost {
		return query, err
	}
	body, err := web.Body(r)
	if err != nil {
		return nil, err
	}
	if body.String("logout") == "" {
		return body, nil
	}
	query["logout"], query["_csrf"] = body["logout"], body["_csrf"]
	return query, nil
}

func (s *Surface) checkEndSession(p web.Params) (*endSessionRequest, error) {
	q := &endSessionRequest{params: p, clientID: p.String("client_id"), sid: p.String("logout_hint")}
	q.hinted = q.sid != ""
	if hint := p.String("id_token_hint"); hint != "" {
		claims, err := s.Keys.VerifyHint(hint, s.Issuer)
		if err != nil {
			return nil, invalidRequest("The id_token_hint is not valid")
		}
		audience, _ := claims["aud"].(string)
		sid, _ := claims["sid"].(string)
		if q.clientID != "" && q.clientID != audience {
			return nil, invalidRequest("client_id and id_token_hint differ")
		}
		if q.sid != "" && q.sid != sid {
			return nil, invalidRequest("logout_hint and id_token_hint differ")
		}
		q.clientID, q.sid, q.hinted = audience, sid, true
	}
	return q, s.checkLogoutTarget(q)
}

func (s *Surface) checkLogoutTarget(q *endSessionRequest) error {
	config := s.Tenant.Current()
	allowed := config.Settings.AllowedLogoutURLs
	if q.clientID != "" {
		client := config.Clients[q.clientID]
		if client == nil {
			return invalidRequest("Unknown client: " + printable(q.clientID))
		}
		allowed = client.AllowedLogoutURLs
	}
	asked := q.params.String("post_logout_redirect_uri")
	if asked == "" {
		return nil
	}
	if !tenant.MatchLogout(allowed, asked) {
		return invalidRequest(`The "post_logout_redirect_uri" parameter is not defined as a valid URL in "Allowed Logout URLs"`)
	}
	q.target = withState(asked, q.params.String("state"))
	return nil
}

func withState(target, state string) string {
	if state == "" {
		return target
	}
	base, fragment, hasFragment := strings.Cut(target, "#")
	separator := "?"
	if strings.Contains(base, "?") {
		separator = "&"
	}
	base += separator + "state=" + url.QueryEscape(state)
	if hasFragment {
		base += "#" + fragment
	}
	return base
}

// hintsAtSession tells whether the hints name the session of this browser, or there is none to protect.
func (s *Surface) hintsAtSession(r *http.Request, q *endSessionRequest) (bool, error) {
	session, err := s.Login.Sessions.Get(r.Context(), s.Cookies.Get(r, web.SessionCookie))
	if errors.Is(err, sessions.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return q.hinted && session.ID == q.sid, nil
}

// confirmed checks the answer of the confirmation page: its token is bound to the browser's cookie.
func (s *Surface) confirmed(r *http.Request, p web.Params) bool {
	return p.String("logout") == "yes" && s.Pages.CheckCSRF(s.Cookies.Get(r, web.BrowserCookie), "oidc/logout", p.String("_csrf"))
}

func (s *Surface) askLogout(w http.ResponseWriter, r *http.Request, q *endSessionRequest) error {
	nonce := web.Nonce()
	browser := s.Cookies.Browser(w, r)
	web.PagePolicy{Nonce: nonce, LeadsElsewhere: true}.Apply(w)
	values := url.Values{}
	for _, name := range []string{"id_token_hint", "logout_hint", "post_logout_redirect_uri", "client_id", "state", "ui_locales"} {
		if v := q.params.String(name); v != "" {
			values.Set(name, v)
		}
	}
	page := views.LogoutPage{Page: s.Pages.Base(r, nonce, q.params.String("ui_locales")), Action: "/oidc/logout?" + values.Encode()}
	page.CSRF = s.Pages.CSRF(browser, "oidc/logout")
	return s.Pages.Views.LogoutConfirm(w, page)
}
