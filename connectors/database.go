package connectors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/internal/passwords"
	"github.com/latchkey-id/latchkey/tenant"
)

// Database is a connection of strategy auth0: people whose passwords we keep ourselves (Auth0: Database Connections).
type Database struct {
	conn   *tenant.Connection
	deps   Deps
	policy passwords.Policy
	fields signUpFields
}

var (
	_ Password  = (*Database)(nil)
	_ Registrar = (*Database)(nil)
)

func openDatabase(conn *tenant.Connection, deps Deps) (any, error) {
	// Auth0 gives new databases the policy "good". An old tenant's null means the same here: the safe side.
	policy, err := passwords.NewPolicy(cmp.Or(conn.String("passwordPolicy"), "good"),
		options(conn.Map("password_complexity_options")).Int("min_length", 0))
	if err != nil {
		return nil, fmt.Errorf("connection %q: %w", conn.Name, err)
	}
	fields := newSignUpFields(conn)
	if fields.limits.min > fields.limits.max {
		return nil, fmt.Errorf("connection %q: usernames: min %d is above max %d", conn.Name, fields.limits.min, fields.limits.max)
	}
	return &Database{conn: conn, deps: deps, policy: policy, fields: fields}, nil
}

// options reads a nested object with the accessors of a connection.
func options(m map[string]any) *tenant.Connection { return &tenant.Connection{Options: m} }

// Policy is the rule set for new passwords, for showing it to people.
func (d *Database) Policy() passwords.Policy { return d.policy }

// Verify finds a person by e-mail address or user name and checks the password. An unknown person costs the work of a
// current hash; bcrypt hashes, which imports bring, take their own time until their owner has logged in once. Errors:
// ErrWrongCredentials, ErrBusy, and those of the store.
func (d *Database) Verify(ctx context.Context, identifier, password string) (Assertion, error) {
	identifier = fold(identifier)
	account, err := d.deps.Accounts.Find(ctx, d.conn.Name, identifier)
	if errors.Is(err, ErrNoAccount) || err == nil && account.PasswordHash == "" {
		return Assertion{}, cmp.Or(hashError(d.deps.Hasher.Dummy(ctx, password)), ErrWrongCredentials)
	}
	if err != nil {
		return Assertion{}, err
	}
	ok, needsRehash, err := d.deps.Hasher.Verify(ctx, account.PasswordHash, password)
	if err != nil {
		return Assertion{}, hashError(err)
	}
	if !ok {
		return Assertion{}, ErrWrongCredentials
	}
	if needsRehash {
		d.rehash(ctx, account, password)
	}
	user := map[string]any{}
	maps.Copy(user, account.Profile)
	user["_id"] = account.Subject
	return Assertion{Connection: d.conn, Extra: map[string]any{"user": user}}, nil
}

// rehash brings a hash up to date. The person is logged in whether it works or not; the next login tries again.
func (d *Database) rehash(ctx context.Context, account Account, password string) {
	hash, err := d.deps.Hasher.Hash(ctx, password)
	if err == nil {
		err = d.deps.Accounts.Rehash(ctx, d.conn.Name, account.Subject, account.PasswordHash, hash)
	}
	if err != nil {
		d.deps.Log.WarnContext(ctx, "password hash stays as it is", "connection", d.conn.Name, "error", err)
	}
}

// hashError turns the errors of passwords into those that callers of connectors know.
func hashError(err error) error {
	switch {
	case errors.Is(err, passwords.ErrBusy):
		return ErrBusy
	case errors.Is(err, passwords.ErrTooLong):
		return ErrWrongCredentials // nobody has such a password
	}
	return err
}

// Register checks a sign-up in the order in which people can mend it: identifiers, profile, password. That the identifier
// is free is for the store to say. Errors: *SignUpError, ErrBusy.
func (d *Database) Register(ctx context.Context, s SignUp) (Registration, error) {
	if d.conn.Bool("disable_signup", false) && !s.ByAdmin {
		return Registration{}, terseError("", "public signup is disabled")
	}
	r, err := d.Identify(s)
	if err != nil {
		return Registration{}, err
	}
	person := map[string]any{"email": r.Email, "username": r.Username}
	for name, value := range s.Root {
		person[name] = value
	}
	r.PasswordHash, err = d.NewPassword(ctx, s.Password, person, s.UserMetadata)
	return r, err
}

// Identify is Register without the password and without the switch that closes sign-up: it checks who the person says to be
// and gives them a subject. Errors: *SignUpError.
func (d *Database) Identify(s SignUp) (Registration, error) {
	r := Registration{
		Subject: ids.Hex24(), Email: fold(s.Email), Username: fold(s.Username), PhoneNumber: strings.TrimSpace(s.PhoneNumber),
	}
	if err := d.fields.check(d.conn.Name, r); err != nil {
		return Registration{}, err
	}
	if err := checkRoot(s.Root); err != nil {
		return Registration{}, err
	}
	if !s.ByAdmin {
		if err := checkMetadata(s.UserMetadata); err != nil {
			return Registration{}, err
		}
	}
	return r, nil
}

// CheckHash tells whether people could log in by an imported hash: bcrypt, or argon2id as a PHC string. Whether a hash can be
// used is found by using it. Errors: *SignUpError, ErrBusy.
func (d *Database) CheckHash(ctx context.Context, hash string) error {
	_, _, err := d.deps.Hasher.Verify(ctx, hash, "")
	if errors.Is(err, passwords.ErrHash) {
		return payloadError("password_hash", "password_hash", "Unsupported or malformed password hash")
	}
	return hashError(err)
}

// NewPassword checks a new password against the connection's rules and returns its hash: at sign-up, reset and change.
// root and metadata are the person's, for password_no_personal_info. Errors: *SignUpError, ErrBusy.
func (d *Database) NewPassword(ctx context.Context, password string, root, metadata map[string]any) (string, error) {
	if err := d.checkPassword(password, root, metadata); err != nil {
		return "", err
	}
	hash, err := d.deps.Hasher.Hash(ctx, password)
	return hash, hashError(err)
}

func (d *Database) checkPassword(password string, root, metadata map[string]any) error {
	if password == "" {
		return requestError("password", "password is required")
	}
	if len(password) > passwords.MaxBytes {
		return requestError("password", fmt.Sprintf("password is longer than %d bytes", passwords.MaxBytes))
	}
	if weak := passwords.Check(d.policy, password); weak != nil {
		return strengthError(weak)
	}
	dictionary := options(d.conn.Map("password_dictionary"))
	if dictionary.Bool("enable", false) && passwords.InDictionary(password, words(dictionary)) {
		return dbError("PasswordDictionaryError", "invalid_password", "password", "Password is too common")
	}
	if options(d.conn.Map("password_no_personal_info")).Bool("enable", false) &&
		passwords.HoldsPersonalData(password, personalData(root, metadata)) {
		return dbError("PasswordNoUserInfoError", "invalid_password", "password", "Password contains user information")
	}
	return nil
}

// words are the operator's forbidden passwords. A word may hold spaces, so a text is one word and not a list.
func words(dictionary *tenant.Connection) []string {
	if _, ok := dictionary.Options["dictionary"].(string); ok {
		return []string{dictionary.String("dictionary")}
	}
	return dictionary.Strings("dictionary")
}

// personalData lists what a password may not hold (Auth0: Password Options).
func personalData(root, metadata map[string]any) (values []string) {
	for _, name := range []string{"name", "given_name", "family_name", "username", "nickname"} {
		s, _ := root[name].(string)
		values = append(values, s)
	}
	for _, name := range []string{"name", "first", "last"} {
		s, _ := metadata[name].(string)
		values = append(values, s)
	}
	email, _ := root["email"].(string)
	local, _, _ := strings.Cut(email, "@")
	return append(values, local)
}

// fold is the form in which identifiers are kept and compared.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
