package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/tenant"
)

// accounts keeps one person per identifier.
type accounts struct {
	people   map[string]Account
	rehashed string
	fail     error
}

func (a *accounts) Find(_ context.Context, _, identifier string) (Account, error) {
	if a.fail != nil {
		return Account{}, a.fail
	}
	account, ok := a.people[identifier]
	if !ok {
		return Account{}, ErrNoAccount
	}
	return account, nil
}

func (a *accounts) Rehash(_ context.Context, _, subject, oldHash, newHash string) error {
	if a.fail != nil {
		return a.fail
	}
	for identifier, account := range a.people {
		if account.Subject == subject && account.PasswordHash == oldHash {
			account.PasswordHash, a.rehashed = newHash, newHash
			a.people[identifier] = account
		}
	}
	return nil
}

func openDB(t *testing.T, store *accounts, options map[string]any) *Database {
	t.Helper()
	deps := newProvider(t).deps()
	deps.Accounts = store
	connector, err := Open(&tenant.Connection{ID: "con_1", Name: "db", Strategy: "auth0", Options: options}, deps)
	if err != nil {
		t.Fatal(err)
	}
	return connector.(*Database)
}

func TestDatabaseLogin(t *testing.T) {
	imported, err := bcrypt.GenerateFromPassword([]byte("Passw0rd!x"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	profile := map[string]any{"email": "neo@example.com", "name": "Neo"}
	store := &accounts{people: map[string]Account{
		"neo@example.com": {Subject: "0123456789abcdef01234567", PasswordHash: string(imported), Profile: profile},
		"no@password.com": {Subject: "x"},
		"bad@hash.com":    {Subject: "y", PasswordHash: "secret-looking"},
	}}
	db := openDB(t, store, nil)
	a, err := db.Verify(t.Context(), "  Neo@Example.com ", "Passw0rd!x")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"user": map[string]any{"_id": "0123456789abcdef01234567", "email": "neo@example.com", "name": "Neo"}}
	if diff := cmp.Diff(want, a.Extra); diff != "" {
		t.Error(diff)
	}
	if len(profile) != 2 {
		t.Error("the stored profile was changed")
	}
	if !strings.HasPrefix(store.rehashed, "$argon2id$") {
		t.Errorf("the imported hash was not renewed: %q", store.rehashed)
	}
	store.rehashed = ""
	if _, err := db.Verify(t.Context(), "neo@example.com", "Passw0rd!x"); err != nil || store.rehashed != "" {
		t.Errorf("second login: %v, rehashed %q", err, store.rehashed)
	}
	for _, tt := range [][2]string{
		{"neo@example.com", "other"},
		{"neo@example.com", ""},
		{"trinity@example.com", "Passw0rd!x"},
		{"", ""},
		{"no@password.com", ""},
		{"neo@example.com", strings.Repeat("x", 10_000)},
		{"nobody", strings.Repeat("x", 10_000)},
	} {
		if _, err := db.Verify(t.Context(), tt[0], tt[1]); !errors.Is(err, ErrWrongCredentials) {
			t.Errorf("%s with %.10s: %v", tt[0], tt[1], err)
		}
	}
	if _, err := db.Verify(t.Context(), "bad@hash.com", "x"); err == nil || errors.Is(err, ErrWrongCredentials) ||
		strings.Contains(err.Error(), "secret-looking") {
		t.Errorf("unusable hash: %v", err)
	}
	store.fail = errors.New("store is down")
	if _, err := db.Verify(t.Context(), "neo@example.com", "x"); !errors.Is(err, store.fail) {
		t.Errorf("store down: %v", err)
	}
}

// Nobody is kept out because the store could not take the new hash.
func TestDatabaseRehashFails(t *testing.T) {
	imported, err := bcrypt.GenerateFromPassword([]byte("Passw0rd!x"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	store := &accounts{people: map[string]Account{"neo": {Subject: "s", PasswordHash: string(imported)}}}
	db := openDB(t, store, nil)
	db.deps.Accounts = readOnly{store}
	if _, err := db.Verify(t.Context(), "NEO", "Passw0rd!x"); err != nil {
		t.Error(err)
	}
}

type readOnly struct{ *accounts }

func (readOnly) Rehash(context.Context, string, string, string, string) error {
	return errors.New("read-only")
}

func TestRegister(t *testing.T) {
	db := openDB(t, nil, map[string]any{"requires_username": true})
	r, err := db.Register(t.Context(), SignUp{
		Email: " Neo@Example.COM ", Username: "NeO_1", Password: "Passw0rd!x",
		Root: map[string]string{"given_name": "Neo", "picture": "https://cdn.example/neo.png"}, UserMetadata: map[string]any{"plan": "pro"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Email != "neo@example.com" || r.Username != "neo_1" || len(r.Subject) != 24 || !strings.HasPrefix(r.PasswordHash, "$argon2id$") {
		t.Errorf("registration %+v", r)
	}
}

func TestRegisterRefusals(t *testing.T) {
	policy := map[string]any{"passwordPolicy": "none"}
	username := map[string]any{"requires_username": true}
	attributes := map[string]any{"attributes": map[string]any{
		"email":    map[string]any{"identifier": map[string]any{"active": true}, "signup": map[string]any{"status": "optional"}},
		"username": map[string]any{"identifier": map[string]any{"active": true}, "validation": map[string]any{"min_length": json.Number("3"), "max_length": json.Number("20")}},
	}}
	many := map[string]any{}
	for _, letter := range "abcdefghijk" {
		many[string(letter)] = "x"
	}
	good := SignUp{Email: "neo@example.com", Password: "Passw0rd!x"}
	with := func(change func(*SignUp)) SignUp { s := good; change(&s); return s }
	user := func(name string) SignUp { return with(func(s *SignUp) { s.Username = name }) }
	root := func(k, v string) SignUp { return with(func(s *SignUp) { s.Root = map[string]string{k: v} }) }
	meta := func(m map[string]any) SignUp { return with(func(s *SignUp) { s.UserMetadata = m }) }
	email := func(e string) SignUp { return with(func(s *SignUp) { s.Email = e }) }
	password := func(pw string) SignUp { return with(func(s *SignUp) { s.Password = pw }) }
	const bad = "Object didn't pass validation for format "
	payload := func(problem, property string) string {
		return "Payload validation error: '" + problem + "' on property " + property + "."
	}
	for _, tt := range []struct {
		name    string
		options map[string]any
		s       SignUp
		shape   Shape
		field   string
		message string // "": accepted
	}{
		{"plain", nil, good, 0, "", ""},
		{"closed", map[string]any{"disable_signup": true}, good, ShapeTerse, "", "public signup is disabled"},
		{"closed, by admin", map[string]any{"disable_signup": true}, with(func(s *SignUp) { s.ByAdmin = true }), 0, "", ""},
		{"no e-mail", nil, email(""), ShapeOAuth, "email", "email is required"},
		{"e-mail without @", nil, email("neo"), ShapeOAuth, "email", bad + "email: neo"},
		{"e-mail without dot", nil, email("neo@example"), ShapeOAuth, "email", bad + "email: neo@example"},
		{"two addresses", nil, email("a@example.com,b@example.com"), ShapeOAuth, "email", bad + "email: a@example.com,b@example.com"},
		{"header in e-mail", nil, email("a@example.com\r\nBcc: b@example.com"), ShapeOAuth, "email", bad + "email: a@example.com bcc: b@example.com"},
		{"look-alike letters", nil, email("nеo@example.com"), ShapeOAuth, "email", bad + "email: nеo@example.com"},
		{"long local part", nil, email(strings.Repeat("a", 65) + "@example.com"), ShapeOAuth, "email", bad + "email: " + strings.Repeat("a", 65) + "@example.com"},
		{"longest local part", nil, email(strings.Repeat("a", 64) + "@example.com"), 0, "", ""},
		{"plus and dots", nil, email("a.b+c@mail.example.co.uk"), 0, "", ""},
		{"username missing", username, good, ShapeTerse, "username", "missing username for db connection with requires_username enabled"},
		{"username not wanted", nil, user("neo"), ShapeOAuth, "username", "Cannot set username for connection without requires_username."},
		{"username an e-mail", username, user("n@x.io"), ShapeDB, "username", payload("Username must not be an email address", "username")},
		{"username with space", username, user("n e o"), ShapeDB, "username", payload("Username can only contain letters, digits and @^$!-#.+'~_`", "username")},
		{"username 15", username, user("abcdefghijklmno"), 0, "", ""},
		{"username 16", username, user("abcdefghijklmnop"), ShapeDB, "username", payload("String is too long (16 chars), maximum 15", "username")},
		{
			"phone not wanted", nil, with(func(s *SignUp) { s.PhoneNumber = "+4912345" }), ShapeOAuth, "phone_number",
			"Cannot set phone_number for connection without the phone_number attribute.",
		},
		{"attributes: none given", attributes, email(""), ShapeOAuth, "email", "email is required"},
		{"attributes: username only", attributes, with(func(s *SignUp) { s.Email, s.Username = "", "neo" }), 0, "", ""},
		{"attributes: short username", attributes, user("ab"), ShapeDB, "username", payload("String is too short (2 chars), minimum 3", "username")},
		{"name 300", nil, root("name", strings.Repeat("ä", 300)), 0, "", ""},
		{"name 301", nil, root("name", strings.Repeat("ä", 301)), ShapeDB, "name", payload("String is too long (301 chars), maximum 300", "name")},
		{"given_name 151", nil, root("given_name", strings.Repeat("x", 151)), ShapeDB, "given_name", payload("String is too long (151 chars), maximum 150", "given_name")},
		{"picture a script", nil, root("picture", "javascript:alert(1)"), ShapeDB, "picture", payload(bad+"strict-uri: javascript:alert(1)", "picture")},
		{"unknown attribute", nil, root("app_metadata", "x"), ShapeDB, "app_metadata", payload("Additional properties not allowed", "app_metadata")},
		{"11 metadata", nil, meta(many), ShapeDB, "user_metadata", payload("Too many properties defined (11), maximum 10", "user_metadata")},
		{"11 metadata, by admin", nil, with(func(s *SignUp) { s.UserMetadata, s.ByAdmin = many, true }), 0, "", ""},
		{"metadata number", nil, meta(map[string]any{"n": json.Number("1")}), ShapeDB, "user_metadata", payload("Expected type string but found type number", "user_metadata.n")},
		{"metadata null", nil, meta(map[string]any{"n": nil}), ShapeDB, "user_metadata", payload("Expected type string but found type null", "user_metadata.n")},
		{"metadata 500 characters", nil, meta(map[string]any{"n": strings.Repeat("ü", 500)}), 0, "", ""},
		{"metadata name with dollar", nil, meta(map[string]any{"$k": "x"}), ShapeDB, "user_metadata", payload("Property names must not be empty or contain . or $", "user_metadata.$k")},
		{"metadata 501", nil, meta(map[string]any{"n": strings.Repeat("x", 501)}), ShapeDB, "user_metadata", payload("String is too long (501 chars), maximum 500", "user_metadata.n")},
		{"metadata name 101", nil, meta(map[string]any{strings.Repeat("x", 101): ""}), ShapeDB, "user_metadata", payload("Property name: String is too long (101 chars), maximum 100", "user_metadata")},
		{"metadata name with dot", nil, meta(map[string]any{"a.b": "x"}), ShapeDB, "user_metadata", payload("Property names must not be empty or contain . or $", "user_metadata.a.b")},
		{"no password", policy, password(""), ShapeOAuth, "password", "password is required"},
		{"endless password", policy, password(strings.Repeat("x", 4097)), ShapeOAuth, "password", "password is longer than 4096 bytes"},
		{"weak, policy good by default", nil, password("weakling"), ShapeDB, "password", "Password is too weak"},
		{"weak, policy none", policy, password("w"), 0, "", ""},
		{"weak, longer minimum", map[string]any{"password_complexity_options": map[string]any{"min_length": json.Number("20")}}, good, ShapeDB, "password", "Password is too weak"},
		{"common", map[string]any{"password_dictionary": map[string]any{"enable": true}}, password("Passw0rd!"), ShapeDB, "password", "Password is too common"},
		{"operator's list", map[string]any{"password_dictionary": map[string]any{"enable": true, "dictionary": []any{"Acme 2026"}}}, password("aCME 2026"), ShapeDB, "password", "Password is too common"},
		{"dictionary off", map[string]any{"password_dictionary": map[string]any{"enable": false}}, password("Passw0rd!"), 0, "", ""},
		{"own address", map[string]any{"password_no_personal_info": map[string]any{"enable": true}}, password("xNEO1234!"), ShapeDB, "password", "Password contains user information"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := openDB(t, nil, tt.options).Register(t.Context(), tt.s)
			if tt.message == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var refused *SignUpError
			if !errors.As(err, &refused) {
				t.Fatalf("not refused: %v", err)
			}
			if refused.Message != tt.message || refused.Shape != tt.shape || refused.Field != tt.field {
				t.Errorf("got  %d %s %q\nwant %d %s %q", refused.Shape, refused.Field, refused.Message, tt.shape, tt.field, tt.message)
			}
		})
	}
}

// All parts of the body that apps of Auth0 read.
func TestPasswordErrors(t *testing.T) {
	refusal := func(options map[string]any, password string) *SignUpError {
		t.Helper()
		_, err := openDB(t, nil, options).NewPassword(t.Context(), password, map[string]any{"name": "Trinity"}, nil)
		var e *SignUpError
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		return e
	}
	e := refusal(nil, "weak")
	if e.Name != "PasswordStrengthError" || e.Code != "invalid_password" || !strings.HasPrefix(e.Policy, "* At least 8 characters") {
		t.Errorf("%+v", e)
	}
	if body := string(mustJSON(e.Description)); !strings.HasPrefix(body, `{"rules":[`) {
		t.Errorf("description %s", body)
	}
	e = refusal(map[string]any{"password_no_personal_info": map[string]any{"enable": true}}, "Trinity99!")
	if e.Name != "PasswordNoUserInfoError" || e.Description != "Password contains user information" {
		t.Errorf("%+v", e)
	}
	e = refusal(map[string]any{"password_dictionary": map[string]any{"enable": true}}, "Password1!")
	if e.Name != "PasswordDictionaryError" || e.Code != "invalid_password" {
		t.Errorf("%+v", e)
	}
}

func TestDatabaseRefusedOptions(t *testing.T) {
	for name, options := range map[string]map[string]any{
		"policy":   {"passwordPolicy": "strongest"},
		"username": {"validation": map[string]any{"username": map[string]any{"min": json.Number("20")}}},
	} {
		if _, err := Open(&tenant.Connection{Name: "db", Strategy: "auth0", Options: options}, Deps{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Callers know the errors of this package only.
func TestHashErrors(t *testing.T) {
	other := errors.New("other")
	for _, tt := range []struct{ err, want error }{
		{nil, nil},
		{fmt.Errorf("%w: %w", passwords.ErrBusy, context.Canceled), ErrBusy},
		{passwords.ErrTooLong, ErrWrongCredentials},
		{other, other},
	} {
		if got := hashError(tt.err); !errors.Is(got, tt.want) {
			t.Errorf("%v becomes %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestIdentifyChecksEverythingButThePassword(t *testing.T) {
	d := openDB(t, &accounts{}, map[string]any{"requires_username": true, "disable_signup": true})
	r, err := d.Identify(SignUp{Email: " Ann@Example.com", Username: "Ann", ByAdmin: true})
	if err != nil || r.Email != "ann@example.com" || r.Username != "ann" || len(r.Subject) != 24 || r.PasswordHash != "" {
		t.Errorf("%+v, %v", r, err)
	}
	for name, s := range map[string]SignUp{
		"no username": {Email: "ann@example.com"},
		"no address":  {Username: "ann"},
		"address":     {Email: "ann", Username: "ann"},
		"root":        {Email: "ann@example.com", Username: "ann", Root: map[string]string{"picture": "javascript:x"}},
		"metadata":    {Email: "ann@example.com", Username: "ann", UserMetadata: map[string]any{"a": true}},
	} {
		var refused *SignUpError
		if _, err := d.Identify(s); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImportedHashesAreCheckedBeforeTheyAreStored(t *testing.T) {
	d := openDB(t, &accounts{}, nil)
	good, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.CheckHash(t.Context(), string(good)); err != nil {
		t.Error(err)
	}
	for _, hash := range []string{"", "x", "$2a$10$short", "$2a$31$" + string(good[7:]), "$argon2id$v=19$m=1"} {
		var refused *SignUpError
		if err := d.CheckHash(t.Context(), hash); !errors.As(err, &refused) || hash != "" && strings.Contains(err.Error(), hash) {
			t.Errorf("%q: %v", hash, err)
		}
	}
}
