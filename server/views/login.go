package views

import "io"

// Identifier says what people type to say who they are.
type Identifier string

// The identifiers that a database connection may take. The zero value is IdentifierEmail.
const (
	IdentifierEmail    Identifier = "email"
	IdentifierUsername Identifier = "username"
	IdentifierEither   Identifier = "either" // an e-mail address or a user name
)

// LoginPage asks how the person wants to log in (Auth0: Universal Login, login prompt).
type LoginPage struct {
	Page
	// Application is the name of the application that the person goes on to; may be empty.
	Application string
	// Password shows the form with identifier and password.
	Password bool
	// PasswordLastUsed marks that form as the way used last time on this device.
	PasswordLastUsed bool
	Identifier       Identifier
	// Username is what the person typed before, or the login_hint.
	Username string
	// Action is where the form is posted. Empty: the page's own address.
	Action    string
	Providers []Provider
	// Error is one translated sentence; see [Catalog.Text].
	Error string
	// SignupURL and ForgotURL are left out when empty.
	SignupURL string
	ForgotURL string
}

// Login draws the log-in page.
func (v *Views) Login(w io.Writer, p LoginPage) error {
	p.Page = v.prepare(p.Page)
	return v.render(w, "login", p)
}

// Shown are the providers with a button of their own.
func (p LoginPage) Shown() []Provider {
	shown, _ := split(p.Providers)
	return shown
}

// Folded are the providers behind "More ways to sign in".
func (p LoginPage) Folded() []Provider {
	_, folded := split(p.Providers)
	return folded
}

// LabelKey is the text of the identifier's label.
func (p LoginPage) LabelKey() string {
	switch p.Identifier {
	case IdentifierUsername:
		return "label.username"
	case IdentifierEither:
		return "label.email_or_username"
	default:
		return "label.email"
	}
}

// Keyboard is the on-screen keyboard for the identifier.
func (p LoginPage) Keyboard() string {
	if p.Identifier == IdentifierUsername {
		return "text"
	}
	return "email"
}
