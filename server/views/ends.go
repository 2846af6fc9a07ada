package views

import "io"

// ConsentPage asks whether an application may have what it asks for (Auth0: User Consent). The answer is the value of
// consent: accept or decline.
type ConsentPage struct {
	Page
	// Application is the name of the application; its client_id when it has none, as the question needs one.
	Application string
	// Account is whom the person is logged in as.
	Account string
	Scopes  []Scope
	Action  string
}

// Scope is one thing an application asks for.
type Scope struct {
	Value string
	// Description is the API's own; standard scopes (OpenID Connect Core §5.4) have theirs from the catalogue.
	Description string
}

// ErrorKind chooses the two sentences of an [ErrorPage].
type ErrorKind string

// The kinds of error pages. An unknown or empty one is ErrorInternal.
const (
	ErrorInternal ErrorKind = "internal" // our fault
	ErrorExpired  ErrorKind = "expired"  // the log-in took too long, or its page was used twice
	ErrorRequest  ErrorKind = "request"  // the application sent something wrong
	ErrorCallback ErrorKind = "callback" // the redirect_uri isn't allowed
	ErrorProvider ErrorKind = "provider" // the identity provider failed
	ErrorDenied   ErrorKind = "denied"   // the person may not log in here
	ErrorBlocked  ErrorKind = "blocked"  // too many attempts
	ErrorMissing  ErrorKind = "missing"  // there is no such page
	ErrorForm     ErrorKind = "form"     // the form's token doesn't fit: cookies are off, or another site sent it
)

// ErrorPage says what happened, what to do next, and the reference to give to support.
type ErrorPage struct {
	Page
	Kind ErrorKind
	// What and Next replace the kind's sentences, such as with the reason a rule gave.
	What string
	Next string
	// Code and Description are the protocol's, for whoever builds the application (RFC 6749 §4.1.2.1).
	Code        string
	Description string
	// Reference finds the event in the logs.
	Reference string
	// RestartURL begins the log-in again; SupportURL leads to the operator's support. Empty ones are left out.
	RestartURL string
	SupportURL string
}

// MessagePage says one thing, and what happens next.
type MessagePage struct {
	Page            // Title is the heading
	Text     string // one or two sentences
	Success  bool   // something was done, as opposed to a plain notice
	LinkURL  string // left out when empty
	LinkText string // empty: "Continue"
}

// LogoutPage asks whether the person wants to log out (OpenID Connect RP-Initiated Logout §2). The answer is the value of
// logout: yes.
type LogoutPage struct {
	Page
	Account   string
	Action    string
	CancelURL string // left out when empty
}

// LoggedOutPage says that the person is logged out.
type LoggedOutPage struct {
	Page
	// LoginURL leads to a new log-in; left out when empty.
	LoginURL string
}

// Consent draws the page that asks for consent.
func (v *Views) Consent(w io.Writer, p ConsentPage) error {
	p.Page = v.prepare(p.Page)
	return v.render(w, "consent", p)
}

// Error draws the page that ends a log-in that can't go on.
func (v *Views) Error(w io.Writer, p ErrorPage) error {
	p.Page = v.prepare(p.Page)
	lang := p.Lang
	if p.What == "" {
		if p.What = v.catalog.Text(lang, Key("error."+p.Kind+".what")); p.What == "" {
			p.Kind = ErrorInternal
			p.What = v.catalog.Text(lang, "error.internal.what")
		}
		if p.Next == "" {
			p.Next = v.catalog.Text(lang, p.nextKey())
		}
	}
	return v.render(w, "error", p)
}

// nextKey is the text of what to do next: nobody is told to start again where the page can't offer it.
func (p ErrorPage) nextKey() Key {
	if p.Kind == ErrorExpired && p.RestartURL == "" {
		return "error.expired.back"
	}
	return Key("error." + p.Kind + ".next")
}

// Message draws a page that says one thing.
func (v *Views) Message(w io.Writer, p MessagePage) error {
	p.Page = v.prepare(p.Page)
	return v.render(w, "message", p)
}

// LogoutConfirm draws the page that asks before a log-out.
func (v *Views) LogoutConfirm(w io.Writer, p LogoutPage) error {
	p.Page = v.prepare(p.Page)
	return v.render(w, "logout", p)
}

// LoggedOut draws the page after a log-out that leads nowhere else.
func (v *Views) LoggedOut(w io.Writer, p LoggedOutPage) error {
	p.Page = v.prepare(p.Page)
	return v.render(w, "loggedout", p)
}
