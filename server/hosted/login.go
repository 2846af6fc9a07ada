package hosted

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
)

// loginPage shows the ways to log in, or goes straight to the identity provider that the app asked for.
func (s *Surface) loginPage(w http.ResponseWriter, r *http.Request) error {
	f, err := s.load(r, r.URL.Query().Get("state"))
	if err != nil {
		return err
	}
	if f.Failed != nil || f.Done != nil {
		return s.proceed(w, r, f)
	}
	if conn := f.asked(); conn != nil && conn.Strategy != tenant.StrategyDatabase {
		return s.visit(w, r, f, conn)
	}
	return s.showLogin(w, r, f, http.StatusOK, f.Request.LoginHint, "")
}

// asked is the connection that the app named.
func (f *flow) asked() *tenant.Connection { return f.config.ConnectionByName(f.Request.Connection) }

// database is where a typed password is checked: the connection asked for, the tenant's default one, or the first.
func (f *flow) database() *tenant.Connection {
	if conn := f.asked(); conn != nil {
		if conn.Strategy == tenant.StrategyDatabase && conn.EnabledFor(f.client.ID) {
			return conn
		}
		return nil
	}
	var first *tenant.Connection
	for _, conn := range f.config.ConnectionsFor(f.client.ID) {
		if conn.Strategy != tenant.StrategyDatabase {
			continue
		}
		if conn.Name == f.config.Settings.DefaultDirectory {
			return conn
		}
		if first == nil {
			first = conn
		}
	}
	return first
}

func (s *Surface) showLogin(w http.ResponseWriter, r *http.Request, f *flow, status int, username string, problem views.Key) error {
	nonce := open(w, status)
	db := f.database()
	p := views.LoginPage{
		Page: s.base(r, f, nonce, "login"), Application: f.client.Name, Password: db != nil, Action: "/u/login",
		Username: username, Providers: s.providers(r, f),
	}
	if db != nil {
		p.Identifier = s.identifier(db)
		p.PasswordLastUsed = s.Cookies.Get(r, web.LastCookie) == db.Name
		if !db.Bool("disable_signup", false) {
			p.SignupURL = f.path("/u/signup")
		}
	}
	if problem != "" {
		p.Error = s.text(p.Page, problem)
	}
	return s.Pages.Views.Login(w, p)
}

// identifier is what people of the database type to say who they are.
func (s *Surface) identifier(db *tenant.Connection) views.Identifier {
	connector := s.databaseConnector(db)
	if connector == nil {
		return views.IdentifierEmail
	}
	asked, _ := connector.Username()
	switch {
	case !asked:
		return views.IdentifierEmail
	case connector.EmailIdentifies():
		return views.IdentifierEither
	}
	return views.IdentifierUsername
}

// databaseConnector is the connector of a database, or nil where its options are broken; the log-in itself says so then.
func (s *Surface) databaseConnector(db *tenant.Connection) *connectors.Database {
	opened, err := s.Connectors.Get(db)
	if err != nil {
		return nil
	}
	database, _ := opened.(*connectors.Database)
	return database
}

// providers are the buttons. An app that asked for one connection gets no others.
func (s *Surface) providers(r *http.Request, f *flow) []views.Provider {
	if f.Request.Connection != "" {
		return nil
	}
	last := s.Cookies.Get(r, web.LastCookie)
	var list []views.Provider
	for _, conn := range f.config.ConnectionsFor(f.client.ID) {
		if conn.Strategy == tenant.StrategyDatabase || conn.ShowAsButton != nil && !*conn.ShowAsButton || !connectors.Redirects(conn.Strategy) {
			continue
		}
		address := "/u/provider?" + url.Values{"state": {f.secret}, "connection": {conn.Name}}.Encode()
		list = append(list, views.Provider{Name: buttonName(conn), Strategy: conn.Strategy, URL: address, LastUsed: conn.Name == last})
	}
	return list
}

func buttonName(conn *tenant.Connection) string {
	if conn.DisplayName != "" {
		return conn.DisplayName
	}
	return connectors.DisplayName(conn.Strategy, conn.Name)
}

// loginSubmit checks identifier and password.
func (s *Surface) loginSubmit(w http.ResponseWriter, r *http.Request) error {
	f, params, err := s.submitted(r, "login")
	if err != nil {
		return err
	}
	db := f.database()
	if db == nil {
		return web.Bad("This application has no log-in by password")
	}
	username := params.String("username")
	result, err := s.Login.Password(r.Context(), db, username, params.String("password"), s.origin(r, f))
	switch {
	case err == nil:
		return s.logIn(w, r, f, result)
	case errors.Is(err, connectors.ErrWrongCredentials), errors.Is(err, login.ErrBlocked):
		return s.showLogin(w, r, f, http.StatusUnauthorized, username, views.TextWrongPassword)
	case errors.Is(err, connectors.ErrBusy):
		w.Header().Set("Retry-After", "2")
		return s.showLogin(w, r, f, http.StatusServiceUnavailable, username, views.TextBusy)
	}
	failure, known := failureOf(err)
	if !known {
		return err
	}
	return s.fail(w, r, f, failure)
}
