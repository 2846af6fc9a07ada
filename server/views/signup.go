package views

import (
	"io"
	"strings"
)

// SignupPage asks for what a new account of a database connection needs (Auth0: Universal Login, signup prompt).
type SignupPage struct {
	Page
	Application string
	// Action is where the form is posted. Empty: the page's own address.
	Action string

	Email      string
	EmailError string
	// AskUsername shows the field; RequireUsername also makes it required.
	AskUsername     bool
	RequireUsername bool
	Username        string
	UsernameError   string
	// Rules of the password, shown before the person types.
	Rules         []Rule
	PasswordError string
	// Fields are the connection's additional_signup_fields.
	Fields []Field
	// Error is about the whole form; errors of one field belong to the field.
	Error string

	Providers []Provider
	LoginURL  string
}

// FieldsPage asks for additional sign-up fields after a first log-in with another provider.
type FieldsPage struct {
	Page
	Application string
	Action      string
	// Account is what the person is known by so far: an e-mail address or a name.
	Account string
	Fields  []Field
	Error   string
	// CancelURL is left out when empty.
	CancelURL string
}

// Rule is one rule of a password policy.
type Rule struct {
	// Code is Auth0's: nonEmpty, lengthAtLeast, shouldContain, containsAtLeast, identicalChars, lowerCase, upperCase,
	// numbers, specialCharacters; or one of ours, which needs a Text.
	Code string
	// Text replaces the catalogue's text of the code.
	Text string
	// N is the number in the rule: characters of lengthAtLeast, kinds of containsAtLeast, repeats of identicalChars.
	N     int
	Items []Rule
	// Failed says that the password sent before didn't meet the rule.
	Failed bool
}

// FieldType is how a field is shown.
type FieldType string

// The types that Lock knows; an unknown or empty one is a text.
const (
	FieldText     FieldType = "text"
	FieldSelect   FieldType = "select"
	FieldCheckbox FieldType = "checkbox"
	FieldHidden   FieldType = "hidden"
)

// Field is an additional sign-up field (Auth0: Lock, additionalSignUpFields).
type Field struct {
	// Name is the name of the input: letters, digits and underscores.
	Name    string
	Label   string
	Type    FieldType
	Options []Option // of a select
	// Value is what is filled in. A checkbox is checked by "true"; when it isn't, the browser sends nothing.
	Value    string
	Required bool
	// Pattern is a regular expression as HTML understands it, for the whole value.
	Pattern string
	Help    string
	Error   string
	// Autocomplete is an HTML autocomplete token. Empty: the one that fits the name, if any.
	Autocomplete string
	MaxLength    int // in UTF-16 code units, as HTML counts; 0: no limit
}

// Option is one choice of a select.
type Option struct{ Value, Label string }

// FieldError is an entry of the summary at the top: the input's id and the sentence.
type FieldError struct{ ID, Text string }

// Signup draws the page that creates an account. Fields whose name isn't usable are left out, see [FieldNameUsable].
func (v *Views) Signup(w io.Writer, p SignupPage) error {
	p.Page = v.prepare(p.Page)
	p.Fields = usable(p.Fields)
	return v.render(w, "signup", p)
}

// Fields draws the page that asks for additional sign-up fields. Fields whose name isn't usable are left out, see
// [FieldNameUsable].
func (v *Views) Fields(w io.Writer, p FieldsPage) error {
	p.Page = v.prepare(p.Page)
	p.Fields = usable(p.Fields)
	return v.render(w, "fields", p)
}

// FieldNameUsable tells whether an additional sign-up field may have the name: letters, digits and underscores, and none
// of the names that the form has already (Auth0: Lock ignores reserved names).
func FieldNameUsable(name string) bool {
	switch name {
	case "", "email", "username", "password", "state", "_csrf":
		return false
	}
	for _, c := range name {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

func usable(fields []Field) []Field {
	var out []Field
	for _, f := range fields {
		if FieldNameUsable(f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// Errors are all errors tied to a field, in the order of the page.
func (p SignupPage) Errors() []FieldError {
	var out []FieldError
	add := func(id, text string) {
		if text != "" {
			out = append(out, FieldError{ID: id, Text: text})
		}
	}
	add("email", p.EmailError)
	if p.AskUsername {
		add("username", p.UsernameError)
	}
	add("password", p.PasswordError)
	return append(out, fieldErrors(p.Fields)...)
}

// Focus is the id of the input the person should begin with.
func (p SignupPage) Focus() string {
	if errs := p.Errors(); len(errs) > 0 {
		return errs[0].ID
	}
	return "email"
}

// Shown are the providers with a button of their own.
func (p SignupPage) Shown() []Provider {
	shown, _ := split(p.Providers)
	return shown
}

// Folded are the providers behind "More ways to sign in".
func (p SignupPage) Folded() []Provider {
	_, folded := split(p.Providers)
	return folded
}

// PasswordDescribedBy is the aria-describedby of the password.
func (p SignupPage) PasswordDescribedBy() string {
	var ids []string
	if len(p.Rules) > 0 {
		ids = append(ids, "password-rules")
	}
	if p.PasswordError != "" {
		ids = append(ids, "password-error")
	}
	return strings.Join(ids, " ")
}

// Errors are all errors tied to a field, in the order of the page.
func (p FieldsPage) Errors() []FieldError { return fieldErrors(p.Fields) }

// Focus is the id of the input the person should begin with; empty when every field is hidden.
func (p FieldsPage) Focus() string {
	if errs := p.Errors(); len(errs) > 0 {
		return errs[0].ID
	}
	for _, f := range p.Fields {
		if f.Type != FieldHidden {
			return f.ID()
		}
	}
	return ""
}

func fieldErrors(fields []Field) []FieldError {
	var out []FieldError
	for _, f := range fields {
		if f.Error != "" && f.Type != FieldHidden {
			out = append(out, FieldError{ID: f.ID(), Text: f.Error})
		}
	}
	return out
}

// ID is the id of the field's input. The prefix keeps it apart from the page's own.
func (f Field) ID() string { return "field-" + f.Name }

// DescribedBy is the aria-describedby of the field's input.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Help != "" {
		ids = append(ids, f.ID()+"-help")
	}
	if f.Error != "" {
		ids = append(ids, f.ID()+"-error")
	}
	return strings.Join(ids, " ")
}

// Token is the field's autocomplete token; empty for none.
func (f Field) Token() string {
	if f.Autocomplete != "" {
		return f.Autocomplete
	}
	switch f.Name {
	case "name", "nickname":
		return f.Name
	case "given_name", "first_name":
		return "given-name"
	case "family_name", "last_name":
		return "family-name"
	case "phone", "phone_number":
		return "tel"
	case "company", "organization":
		return "organization"
	case "country":
		return "country-name"
	case "postal_code", "zip":
		return "postal-code"
	case "birthdate":
		return "bday"
	}
	return ""
}
