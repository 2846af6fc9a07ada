package hosted

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
)

// signupForm is a sign-up page with what was typed.
type signupForm struct {
	email, username string
	values          map[string]string // of the additional fields
	errors          map[string]string // by field name; "" for the whole form
	strength        *passwords.Description
}

// signupPage shows the sign-up form of the log-in's database connection.
func (s *Surface) signupPage(w http.ResponseWriter, r *http.Request) error {
	f, db, err := s.signupFlow(s.load(r, r.URL.Query().Get("state")))
	if err != nil {
		return err
	}
	form := signupForm{email: f.Request.LoginHint, values: map[string]string{}}
	for _, field := range db.SignupFields() {
		form.values[field.Name] = field.Prefill
	}
	return s.showSignup(w, r, f, db, http.StatusOK, form)
}

func (s *Surface) signupFlow(f *flow, err error) (*flow, *tenant.Connection, error) {
	if err != nil {
		return nil, nil, err
	}
	db := f.database()
	if db == nil || db.Bool("disable_signup", false) {
		return nil, nil, web.Bad("This application has no sign-up")
	}
	return f, db, nil
}

// signupSubmit creates the account and logs the person in.
func (s *Surface) signupSubmit(w http.ResponseWriter, r *http.Request) error {
	f, params, err := s.submitted(r, "signup")
	f, db, err := s.signupFlow(f, err)
	if err != nil {
		return err
	}
	form := signupForm{email: params.String("email"), username: params.String("username"), values: map[string]string{}, errors: map[string]string{}}
	in := connectors.SignUp{Email: form.email, Username: form.username, Password: params.String("password"), Root: map[string]string{}}
	lang := s.Pages.Lang(r, f.Request.UILocales)
	for _, field := range db.SignupFields() {
		value, problem := fieldValue(field, params)
		form.values[field.Name] = value
		if problem != "" {
			form.errors[field.Name] = s.Pages.Views.Catalog().Text(lang, problem, "label", field.Label)
		}
		field.Put(&in.Root, &in.UserMetadata, value)
	}
	if len(form.errors) > 0 {
		return s.showSignup(w, r, f, db, http.StatusBadRequest, form)
	}
	_, err = s.Login.SignUp(r.Context(), db, in, s.origin(r, f))
	if err != nil {
		if !s.explain(&form, lang, err) {
			return err
		}
		return s.showSignup(w, r, f, db, http.StatusBadRequest, form)
	}
	identifier := in.Email
	if identifier == "" {
		identifier = in.Username
	}
	result, err := s.Login.Password(r.Context(), db, identifier, in.Password, s.origin(r, f))
	if err != nil {
		return err
	}
	return s.logIn(w, r, f, result)
}

// fieldValue reads an additional field and names what is wrong with it.
func fieldValue(field tenant.SignupField, params web.Params) (value string, problem views.Key) {
	value = params.String(field.Name)
	switch field.Type {
	case "checkbox":
		value = strconv.FormatBool(value != "")
	case "hidden":
		return field.Value, ""
	}
	switch {
	case field.Required && (value == "" || field.Type == "checkbox" && value == "false"):
		return value, views.TextRequired
	case value != "" && !field.Accepts(value):
		return value, views.TextInvalid
	}
	return value, ""
}

// explain ties an error to the field the person has to change. False: the error is ours.
func (s *Surface) explain(form *signupForm, lang string, err error) bool {
	text := func(key views.Key) string { return s.Pages.Views.Catalog().Text(lang, key) }
	var refused *connectors.SignUpError
	switch {
	case errors.Is(err, profilestore.ErrEmailTaken), errors.Is(err, profilestore.ErrPhoneTaken):
		form.errors[""] = text(views.TextSignupFailed)
	case errors.Is(err, profilestore.ErrUsernameTaken):
		form.errors["username"] = text(views.TextUsernameTaken)
	case errors.Is(err, connectors.ErrBusy):
		form.errors[""] = text(views.TextBusy)
	case errors.As(err, &refused):
		form.errors[refused.Field] = refused.Message
		if description, ok := refused.Description.(passwords.Description); ok {
			form.strength = &description
			form.errors["password"] = text(views.TextWeakPassword)
		}
	default:
		return false
	}
	return true
}

func (s *Surface) showSignup(w http.ResponseWriter, r *http.Request, f *flow, db *tenant.Connection, status int, form signupForm) error {
	nonce := open(w, status)
	askUsername, requireUsername := false, false
	if database := s.databaseConnector(db); database != nil {
		askUsername, requireUsername = database.Username()
	}
	p := views.SignupPage{
		Page: s.base(r, f, nonce, "signup"), Application: f.client.Name, Action: "/u/signup",
		Email: form.email, EmailError: form.errors["email"],
		AskUsername: askUsername, RequireUsername: requireUsername,
		Username: form.username, UsernameError: form.errors["username"], PasswordError: form.errors["password"],
		Error: form.errors[""], Providers: s.providers(r, f), LoginURL: f.path("/u/login"),
	}
	p.Rules = s.rules(db, form.strength)
	for _, field := range db.SignupFields() {
		p.Fields = append(p.Fields, viewField(field, form.values[field.Name], form.errors[field.Name]))
	}
	return s.Pages.Views.Signup(w, p)
}

func viewField(field tenant.SignupField, value, problem string) views.Field {
	shown := views.Field{
		Name: field.Name, Label: field.Label, Type: views.FieldType(field.Type), Value: value, Required: field.Required,
		Pattern: field.Pattern, Error: problem, MaxLength: field.MaxLength(),
	}
	for _, option := range field.Options {
		shown.Options = append(shown.Options, views.Option{Value: option.Value, Label: option.Label})
	}
	return shown
}

// rules are the password rules, marked where the password that was sent failed them.
func (s *Surface) rules(db *tenant.Connection, failed *passwords.Description) []views.Rule {
	database := s.databaseConnector(db)
	if database == nil {
		return nil
	}
	rules := database.Policy().Rules()
	if failed != nil {
		rules = failed.Rules
	}
	return viewRules(rules, failed != nil)
}

func viewRules(rules []passwords.Rule, checked bool) []views.Rule {
	var list []views.Rule
	for _, rule := range rules {
		shown := views.Rule{Code: rule.Code, Failed: checked && !rule.Verified}
		for _, item := range rule.Items {
			shown.Items = append(shown.Items, views.Rule{Code: item.Code, Failed: checked && !item.Verified})
		}
		if len(rule.Format) > 0 {
			if n, ok := rule.Format[0].(int); ok {
				shown.N = n
			}
		}
		list = append(list, shown)
	}
	return list
}
