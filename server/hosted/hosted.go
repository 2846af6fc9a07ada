// Package hosted serves the pages people see at a log-in, and the addresses where identity providers send them back.
//
//	/authorize (server/oauth) ──► /u/login ──► password ────────────────────────► login.Password ─┐
//	                                 └──► /u/provider ──► IdP ──► /login/callback ──► login.Complete ┤
//	                              /u/signup ─────────────────────────────────────► login.SignUp ───┤
//	                                                                                               ▼
//	                        sessions.Transaction.Done, SSO cookie ──► /u/consent? ──► /authorize/resume (server/oauth)
//
// Every address carries the transaction's secret as `state` and works only in the browser that began. Pages work without
// JavaScript. Whatever goes wrong for good is written into the transaction and delivered to the app by server/oauth.
package hosted

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// Surface serves the endpoints of this package. All fields are needed.
type Surface struct {
	Issuer       string
	Tenant       *tenant.Cache
	Users        profilestore.Store
	Login        *login.Service
	Connectors   *connectors.Registry
	Transactions sessions.Box[sessions.Transaction]
	Upstreams    sessions.Box[sessions.Upstream]
	Audit        *audit.Log
	Pages        *page.Kit
	Cookies      web.Cookies
	Now          func() time.Time
	// TransactionTTL is how long a log-in may take.
	TransactionTTL time.Duration
}

// Routes adds the endpoints to a router.
func (s *Surface) Routes(r chi.Router) {
	show := func(h web.Handler) http.HandlerFunc { return web.Handle(h, s.errorPage) }
	r.Group(func(r chi.Router) {
		r.Use(http.NewCrossOriginProtection().Handler)
		r.Get("/u/login", show(s.loginPage))
		r.Post("/u/login", show(s.loginSubmit))
		r.Get("/u/signup", show(s.signupPage))
		r.Post("/u/signup", show(s.signupSubmit))
		r.Get("/u/provider", show(s.provider))
		r.Get("/u/consent", show(s.consentPage))
		r.Post("/u/consent", show(s.consentSubmit))
	})
	// Identity providers may answer with a cross-site POST (OAuth 2.0 Form Post Response Mode); the state and the
	// browser's cookie protect it.
	r.Get("/login/callback", show(s.callback))
	r.Post("/login/callback", show(s.callback))
	r.Get("/u/assets/{name}", s.Pages.Views.ServeAsset)
}

// flow is a transaction as a page sees it.
type flow struct {
	secret  string
	browser string
	sessions.Transaction
	config *tenant.Config
	client *tenant.Client
}

var (
	errExpired = errors.New("the log-in has expired, was used, or belongs to another browser")
	errForged  = errors.New("the form was not shown to this browser")
)

// load finds the transaction that `state` names and checks that this browser began it.
func (s *Surface) load(r *http.Request, secret string) (*flow, error) {
	t, err := s.Transactions.Get(r.Context(), secret)
	if errors.Is(err, sessions.ErrNotFound) {
		return nil, errExpired
	}
	if err != nil {
		return nil, err
	}
	browser := s.Cookies.Get(r, web.BrowserCookie)
	if browser == "" || sessions.Hash(browser) != t.Browser {
		return nil, errExpired
	}
	f := &flow{secret: secret, browser: browser, Transaction: t, config: s.Tenant.Current()}
	if f.client = f.config.Clients[t.Request.ClientID]; f.client == nil {
		return nil, errExpired
	}
	return f, nil
}

// submitted reads a posted form and checks that it was shown to this browser.
func (s *Surface) submitted(r *http.Request, purpose string) (*flow, web.Params, error) {
	params, err := web.Body(r)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.load(r, params.String("state"))
	if err != nil {
		return nil, nil, err
	}
	if !s.Pages.CheckCSRF(f.browser, purpose+f.secret, params.String("_csrf")) {
		return nil, nil, errForged
	}
	return f, params, nil
}

// save writes the transaction back; its end does not move. One that was used since it was loaded stays used.
func (s *Surface) save(r *http.Request, f *flow) error {
	err := s.Transactions.Replace(r.Context(), f.secret, "", f.Transaction, f.StartedAt.Add(s.TransactionTTL))
	if errors.Is(err, sessions.ErrNotFound) {
		return errExpired
	}
	return err
}

// proceed hands over to server/oauth.
func (s *Surface) proceed(w http.ResponseWriter, r *http.Request, f *flow) error {
	if err := s.save(r, f); err != nil {
		return err
	}
	web.NoStore(w)
	http.Redirect(w, r, "/authorize/resume?state="+url.QueryEscape(f.secret), http.StatusSeeOther)
	return nil
}

// fail ends the transaction with an error for the app.
func (s *Surface) fail(w http.ResponseWriter, r *http.Request, f *flow, failure sessions.Failure) error {
	f.Failed = &failure
	return s.proceed(w, r, f)
}

// logIn gives the browser an SSO session for a completed log-in, in place of the one it had, and goes on.
func (s *Surface) logIn(w http.ResponseWriter, r *http.Request, f *flow, result login.Result) error {
	if old := s.Cookies.Get(r, web.SessionCookie); old != "" {
		if err := s.Login.Sessions.Delete(r.Context(), old); err != nil {
			return err
		}
	}
	secret, session, expires, err := s.Login.Session(r.Context(), result)
	if err != nil {
		return err
	}
	s.Cookies.Set(w, web.SessionCookie, secret, expires)
	s.Cookies.Set(w, web.LastCookie, result.Connection.Name, s.Now().AddDate(1, 0, 0))
	f.Done = &sessions.Login{UserID: result.User.ID, Connection: result.Connection.Name, SessionID: session.ID, AuthTime: result.AuthTime}
	f.Consented = false // it was somebody else's answer
	return s.proceed(w, r, f)
}

func (s *Surface) origin(r *http.Request, f *flow) login.Origin {
	return login.Origin{ClientID: f.client.ID, IP: web.ClientIP(r), UserAgent: r.UserAgent()}
}

// base is the shared part of a page of this transaction.
func (s *Surface) base(r *http.Request, f *flow, nonce, purpose string) views.Page {
	base := s.Pages.Base(r, nonce, f.Request.UILocales)
	base.State, base.CSRF = f.secret, s.Pages.CSRF(f.browser, purpose+f.secret)
	return base
}

// text is a sentence in the page's language.
func (s *Surface) text(base views.Page, key views.Key, pairs ...string) string {
	return s.Pages.Views.Catalog().Text(base.Lang, key, pairs...)
}

// open sets the headers of a page that leads on to apps and providers.
func open(w http.ResponseWriter, status int) (nonce string) {
	nonce = web.Nonce()
	web.PagePolicy{Nonce: nonce, LeadsElsewhere: true}.Apply(w)
	w.WriteHeader(status)
	return nonce
}

// path is an address of this transaction.
func (f *flow) path(path string) string { return path + "?" + url.Values{"state": {f.secret}}.Encode() }
