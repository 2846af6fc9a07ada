package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// authorize answers GET and POST /authorize (RFC 6749 §3.1, OpenID Connect Core §3.1.2).
func (s *Surface) authorize(w http.ResponseWriter, r *http.Request) error {
	q, err := s.proveTarget(r)
	if err != nil {
		return err
	}
	if err := s.check(q); err != nil {
		return s.deliverError(w, r, q.AuthorizeRequest, err)
	}
	known, err := s.recognise(r, q)
	if err != nil {
		return s.deliverError(w, r, q.AuthorizeRequest, err)
	}
	if known != nil {
		return s.continueKnown(w, r, q, *known)
	}
	return s.continueUnknown(w, r, q)
}

// known is a person with a usable SSO session.
type known struct {
	session sessions.Session
	secret  string
	user    *profilestore.User
}

// recognise returns who is logged in at this browser, or nil where the person must prove it (again).
func (s *Surface) recognise(r *http.Request, q *request) (*known, error) {
	secret := s.Cookies.Get(r, web.SessionCookie)
	if secret == "" || q.client.SSODisabled || q.Prompts("login") || q.Prompts("select_account") {
		return nil, nil
	}
	session, err := s.Login.Sessions.Get(r.Context(), secret)
	if errors.Is(err, sessions.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !s.sessionServes(q, session) {
		return nil, nil
	}
	pass, err := s.Gate.Person(r.Context(), session.UserID, q.ClientID, session.Connection)
	if login.Refuses(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &known{session: session, secret: secret, user: pass.User}, nil
}

// sessionServes checks what the request demands of a session: its age, its connection, its person.
func (s *Surface) sessionServes(q *request, session sessions.Session) bool {
	if q.Connection != "" && q.Connection != session.Connection || q.config.Ended(session.CreatedAt) {
		return false
	}
	if q.MaxAge != nil && s.Now().Sub(session.AuthTime) > time.Duration(*q.MaxAge)*time.Second {
		return false
	}
	if q.idTokenHint == "" {
		return true
	}
	claims, err := s.Keys.VerifyHint(q.idTokenHint, s.Issuer)
	return err == nil && claims["sub"] == session.UserID
}

// continueUnknown asks the person to log in, or tells an app that wants no page that they would have to.
func (s *Surface) continueUnknown(w http.ResponseWriter, r *http.Request, q *request) error {
	if q.Prompts("none") {
		return s.silentFailure(w, r, q, &Error{Code: "login_required", Description: "Login required"})
	}
	return s.beginTransaction(w, r, q, nil)
}

// continueKnown finishes a request for somebody who is logged in already.
func (s *Surface) continueKnown(w http.ResponseWriter, r *http.Request, q *request, k known) error {
	done := sessions.Login{UserID: k.user.ID, Connection: k.session.Connection, SessionID: k.session.ID, AuthTime: k.session.AuthTime}
	if needsConsent(q.config, q.client, q.AuthorizeRequest, k.user) {
		if q.Prompts("none") {
			return s.silentFailure(w, r, q, &Error{Code: "consent_required", Description: "Consent required"})
		}
		return s.beginTransaction(w, r, q, &done)
	}
	err := s.touch(r.Context(), k, q.ClientID)
	if errors.Is(err, sessions.ErrNotFound) {
		return s.continueUnknown(w, r, q)
	}
	if err != nil {
		return s.deliverError(w, r, q.AuthorizeRequest, err)
	}
	s.record(r, audit.Event{
		Type: audit.SuccessSilentAuth, ClientID: q.ClientID, ClientName: q.client.Name,
		Connection: done.Connection, UserID: done.UserID,
	})
	return s.deliverCode(w, r, q.AuthorizeRequest, done)
}

// touch keeps a used session alive; it is written at most once a minute and client. ErrNotFound: it was ended (logged out,
// or deleted with its owner) after it was recognised.
func (s *Surface) touch(ctx context.Context, k known, clientID string) error {
	now := s.Now()
	if !k.session.Stale(now, clientID) {
		return nil
	}
	_, idle := login.SessionLifetimes(s.Tenant.Current().Settings)
	session, expires := k.session.Seen(now, clientID, idle)
	return s.Login.Sessions.Replace(ctx, k.secret, session.UserID, session, expires)
}

func (s *Surface) silentFailure(w http.ResponseWriter, r *http.Request, q *request, e *Error) error {
	s.record(r, audit.Event{Type: audit.FailedSilentAuth, ClientID: q.ClientID, ClientName: q.client.Name, Description: e.Description})
	return s.deliverError(w, r, q.AuthorizeRequest, e)
}

// beginTransaction sends the person to the hosted pages.
func (s *Surface) beginTransaction(w http.ResponseWriter, r *http.Request, q *request, done *sessions.Login) error {
	t := sessions.Transaction{Browser: sessions.Hash(s.Cookies.Browser(w, r)), Request: q.AuthorizeRequest, StartedAt: s.Now(), Done: done}
	secret, err := s.Transactions.New(r.Context(), "", t)
	if err != nil {
		return s.deliverError(w, r, q.AuthorizeRequest, err)
	}
	path := "/u/login"
	switch {
	case done != nil:
		path = "/u/consent"
	case q.ScreenHint == "signup" && q.Connection == "":
		path = "/u/signup"
	case q.ScreenHint == "signup" && q.config.ConnectionByName(q.Connection).Strategy == tenant.StrategyDatabase:
		path = "/u/signup"
	}
	web.NoStore(w)
	http.Redirect(w, r, hostedPath(path, secret), http.StatusFound)
	return nil
}

// resume finishes a transaction after the hosted pages did their part. Each step is checked again here: nobody gets a code
// by asking for this address early, or from another browser.
func (s *Surface) resume(w http.ResponseWriter, r *http.Request) error {
	secret := r.URL.Query().Get("state")
	t, err := s.Transactions.Get(r.Context(), secret)
	if errors.Is(err, sessions.ErrNotFound) || (err == nil && !s.sameBrowser(r, t)) {
		return errTransaction
	}
	if err != nil {
		return err
	}
	config := s.Tenant.Current()
	client := config.Clients[t.Request.ClientID]
	if client == nil || !tenant.MatchCallback(client.Callbacks, t.Request.RedirectURI) {
		return errTransaction
	}
	if t.Failed != nil {
		return s.finish(r, secret, func(t sessions.Transaction) error {
			return s.deliverError(w, r, t.Request, &Error{Code: t.Failed.Code, Description: t.Failed.Description})
		})
	}
	web.NoStore(w)
	if t.Done == nil {
		http.Redirect(w, r, hostedPath("/u/login", secret), http.StatusFound)
		return nil
	}
	holds, err := s.Login.Holds(r.Context(), s.Cookies.Get(r, web.SessionCookie), *t.Done)
	if err != nil {
		return err
	}
	// Asked after the session: whoever ends sessions has stored the reason before, so the app hears it.
	pass, err := s.Gate.Person(r.Context(), t.Done.UserID, client.ID, t.Done.Connection)
	if err != nil {
		return s.deliverError(w, r, t.Request, err)
	}
	if !holds {
		return errTransaction
	}
	if !t.Consented && needsConsent(config, client, t.Request, pass.User) {
		http.Redirect(w, r, hostedPath("/u/consent", secret), http.StatusFound)
		return nil
	}
	return s.finish(r, secret, func(t sessions.Transaction) error {
		return s.deliverCode(w, r, t.Request, *t.Done)
	})
}

// finish takes the transaction, so that it ends in one answer only.
func (s *Surface) finish(r *http.Request, secret string, answer func(sessions.Transaction) error) error {
	t, err := s.Transactions.Take(r.Context(), secret)
	if errors.Is(err, sessions.ErrTaken) || errors.Is(err, sessions.ErrNotFound) {
		return errTransaction
	}
	if err != nil {
		return err
	}
	return answer(t)
}

// errTransaction is shown where a log-in can't go on: expired, used, or of another browser.
var errTransaction = invalidRequest("This log-in has expired or was already used. Please go back to the application and try again.")

func (s *Surface) sameBrowser(r *http.Request, t sessions.Transaction) bool {
	id := s.Cookies.Get(r, web.BrowserCookie)
	return id != "" && sessions.Hash(id) == t.Browser
}

// deliverCode makes an authorization code and sends it to the app.
func (s *Surface) deliverCode(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, done sessions.Login) error {
	code, err := s.Codes.New(r.Context(), done.UserID, sessions.Code{
		GrantID: ids.Hex24(), Request: q, Login: done, IssuedAt: s.Now(),
	})
	if err != nil {
		return s.deliverError(w, r, q, err)
	}
	return s.deliver(w, r, q, answer{{"code", code}})
}

// needsConsent tells whether the person must agree first: third-party clients, APIs that don't skip consent, and
// prompt=consent. What they agreed to before counts (Auth0: User Consent and Third-Party Applications).
func needsConsent(config *tenant.Config, client *tenant.Client, q sessions.AuthorizeRequest, user *profilestore.User) bool {
	if q.Prompts("consent") {
		return true
	}
	api := config.ResourceServer(q.Audience)
	skips := api == nil || api.SkipConsent == nil || *api.SkipConsent
	if client.IsFirstParty && skips {
		return false
	}
	// A request without scopes still tells the app who somebody is, so it needs an agreement too.
	agreed, known := agreement(user, client.ID, q.Audience)
	return !known || slices.ContainsFunc(q.Scope, func(scope string) bool { return !slices.Contains(agreed.Scope, scope) })
}

// agreement is what the person allowed the client for an API, "" for userinfo; there is one per client and API.
func agreement(user *profilestore.User, clientID, audience string) (agreed profilestore.Consent, known bool) {
	for _, c := range user.Consents {
		if c.ClientID == clientID && c.Audience == audience {
			return c, true
		}
	}
	return agreed, false
}

// record writes an event with what every request knows.
func (s *Surface) record(r *http.Request, e audit.Event) {
	e.IP, e.UserAgent = web.ClientIP(r), r.UserAgent()
	s.Audit.Record(r.Context(), e)
}

func scopeText(scope []string) string { return strings.Join(scope, " ") }
