package login

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// CreateUser creates a person of a database for an administrator. body is that of POST /api/v2/users (Management API: Create
// a User); its password is held against the connection's rules, unless a hash is given, which then takes its place.
//
// Errors: *profilestore.Refusal and *connectors.SignUpError for what is wrong with the body; ErrWrongStrategy where the
// connection's people aren't kept here; profilestore.ErrEmailTaken, ErrUsernameTaken, ErrPhoneTaken, ErrUserIDTaken and
// ErrIdentityTaken; connectors.ErrBusy.
func (s *Service) CreateUser(ctx context.Context, conn *tenant.Connection, body map[string]any, hash string, by profilestore.Source) (*profilestore.User, error) {
	if err := profilestore.CheckNew(body); err != nil {
		return nil, err
	}
	database, err := s.database(conn)
	if err != nil {
		return nil, err
	}
	in := adminSignUp(body)
	registration, err := database.Identify(in)
	if err != nil {
		return nil, err
	}
	if hash == "" && by != profilestore.SourceImport {
		if hash, err = newPassword(ctx, database, body); err != nil {
			return nil, err
		}
	}
	given := maps.Clone(body)
	delete(given, "password")
	delete(given, "user_id")
	given["_id"] = subjectOf(body, registration.Subject)
	user, err := s.build(conn, "post_users", given, hash, by)
	if err != nil {
		return nil, err
	}
	if blocked, ok := body["blocked"].(bool); ok {
		user.Blocked = &blocked
	}
	if err := profilestore.CheckSize(user); err != nil {
		return nil, err
	}
	return user, s.insert(ctx, user)
}

// database opens the connector of a connection whose people are kept here.
func (s *Service) database(conn *tenant.Connection) (*connectors.Database, error) {
	if profilestore.ConnectionOf(mapped(conn)).Kind != profilestore.KindDatabase {
		return nil, ErrWrongStrategy
	}
	opened, err := s.Connectors.Get(conn)
	if err != nil {
		return nil, err
	}
	database, ok := opened.(*connectors.Database)
	if !ok {
		return nil, ErrWrongStrategy
	}
	return database, nil
}

func newPassword(ctx context.Context, database *connectors.Database, body map[string]any) (string, error) {
	password, given := body["password"].(string)
	if !given {
		return "", &profilestore.Refusal{
			Code:    profilestore.CodeInvalidBody,
			Message: "Payload validation error: 'Missing required property: password'.",
		}
	}
	metadata, _ := body["user_metadata"].(map[string]any)
	return database.NewPassword(ctx, password, body, metadata)
}

// adminSignUp reads a checked body. Limits of names are CheckNew's, which are the same.
func adminSignUp(body map[string]any) connectors.SignUp {
	in := connectors.SignUp{ByAdmin: true}
	in.Email, _ = body["email"].(string)
	in.Username, _ = body["username"].(string)
	in.PhoneNumber, _ = body["phone_number"].(string)
	return in
}

// subjectOf is the subject that the body asks for, or the new one. Tools send it with the provider before it as well.
func subjectOf(body map[string]any, fresh string) string {
	id, _ := body["user_id"].(string)
	id = strings.TrimPrefix(id, tenant.StrategyDatabase+"|")
	if id == "" {
		return fresh
	}
	return id
}

// SeedUser creates a person that a tenant file names (Auth0: Bulk User Import Database Schema and Examples), and tells
// whether there was something to create: whoever has the e-mail address, username, phone number or id in that connection
// already is left alone. Errors as CreateUser's, with the person's name before them.
func (s *Service) SeedUser(ctx context.Context, seed tenant.SeedUser) (created bool, err error) {
	conn := s.Tenant.Current().ConnectionByName(seed.Connection)
	if conn == nil {
		return false, fmt.Errorf("user %s: connection %q: %w", seedName(seed), seed.Connection, tenant.ErrNotFound)
	}
	created, err = s.seed(ctx, conn, seed)
	if err != nil {
		return false, fmt.Errorf("user %s: %w", seedName(seed), err)
	}
	return created, nil
}

func (s *Service) seed(ctx context.Context, conn *tenant.Connection, seed tenant.SeedUser) (bool, error) {
	body := maps.Clone(seed.Profile)
	hash, err := takeHash(body)
	if err != nil {
		return false, err
	}
	if body == nil {
		body = map[string]any{}
	}
	body["connection"] = conn.Name
	if err := profilestore.CheckNew(body); err != nil {
		return false, err
	}
	// Asked before the password is hashed: a restart with a hundred known people must not cost a hundred hashes.
	known, err := s.known(ctx, conn.Name, body)
	if known || err != nil {
		return false, err
	}
	if hash, err = s.seedHash(ctx, conn, seed.Password, hash, body); err != nil {
		return false, err
	}
	_, err = s.CreateUser(ctx, conn, body, hash, profilestore.SourceImport)
	if taken(err) {
		return false, nil
	}
	return err == nil, err
}

// known tells whether somebody of the connection has one of the identifiers.
func (s *Service) known(ctx context.Context, connection string, body map[string]any) (bool, error) {
	for _, name := range []string{"email", "username", "phone_number"} {
		identifier, _ := body[name].(string)
		if identifier = strings.TrimSpace(identifier); identifier == "" {
			continue
		}
		_, err := s.Users.ByLogin(ctx, connection, strings.ToLower(identifier))
		if !errors.Is(err, profilestore.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}

// seedHash returns the hash to store: the given one, that of the given password, or none.
func (s *Service) seedHash(ctx context.Context, conn *tenant.Connection, password, hash string, body map[string]any) (string, error) {
	database, err := s.database(conn)
	switch {
	case err != nil:
		return "", err
	case hash != "" && password != "":
		return "", refusal("Cannot set both password and password_hash.")
	case hash != "":
		return hash, database.CheckHash(ctx, hash)
	case password == "":
		return "", nil
	}
	metadata, _ := body["user_metadata"].(map[string]any)
	return database.NewPassword(ctx, password, body, metadata)
}

// takeHash takes the imported hash out of a profile: password_hash, or custom_password_hash of the algorithms that verify
// here as they are.
func takeHash(profile map[string]any) (string, error) {
	plain, hasPlain := profile["password_hash"]
	custom, hasCustom := profile["custom_password_hash"]
	delete(profile, "password_hash")
	delete(profile, "custom_password_hash")
	switch {
	case hasPlain && hasCustom:
		return "", refusal("Cannot set both password_hash and custom_password_hash.")
	case hasPlain:
		hash, ok := plain.(string)
		if !ok || hash == "" {
			return "", refusal("Payload validation error: 'Expected type string but found type " + normalize.TypeName(plain) + "' on property password_hash.")
		}
		return hash, nil
	case hasCustom:
		return customHash(custom)
	}
	return "", nil
}

func customHash(custom any) (string, error) {
	object, _ := custom.(map[string]any)
	algorithm, _ := object["algorithm"].(string)
	value, _ := object["hash"].(map[string]any)
	hash, _ := value["value"].(string)
	_, salted := object["salt"]
	if !slices.Contains([]string{"bcrypt", "argon2"}, algorithm) || hash == "" || salted {
		return "", refusal("Payload validation error: 'Unsupported password hash' on property custom_password_hash (bcrypt and argon2 without salt).")
	}
	return hash, nil
}

func refusal(message string) error {
	return &profilestore.Refusal{Code: profilestore.CodeInvalidBody, Message: message}
}

func taken(err error) bool {
	return slices.ContainsFunc([]error{
		profilestore.ErrEmailTaken, profilestore.ErrUsernameTaken, profilestore.ErrPhoneTaken, profilestore.ErrUserIDTaken,
		profilestore.ErrIdentityTaken,
	}, func(t error) bool { return errors.Is(err, t) })
}

// seedName is what a message calls the person.
func seedName(seed tenant.SeedUser) string {
	for _, name := range []string{"email", "username", "phone_number", "user_id"} {
		if text, ok := seed.Profile[name].(string); ok && text != "" {
			return text
		}
	}
	return "without a name"
}

// create stores a new person of a connection whose people we keep. given is a row of normalize's database sources.
func (s *Service) create(ctx context.Context, conn *tenant.Connection, kind string, given map[string]any, hash string, by profilestore.Source) (*profilestore.User, error) {
	user, err := s.build(conn, kind, given, hash, by)
	if err != nil {
		return nil, err
	}
	return user, s.insert(ctx, user)
}

func (s *Service) build(conn *tenant.Connection, kind string, given map[string]any, hash string, by profilestore.Source) (*profilestore.User, error) {
	profile, err := normalize.Map(normalize.Input{Connection: mapped(conn), Extra: map[string]any{kind: given}})
	if err != nil {
		return nil, err
	}
	user := profilestore.New(profile, profilestore.MergeContext{
		Connection: profilestore.ConnectionOf(mapped(conn)), Now: s.Now(), AvatarBase: s.Avatars, Source: by,
	})
	user.Identities[0].PasswordHash = hash
	return user, nil
}

// insert stores a user, whose id must be free.
func (s *Service) insert(ctx context.Context, user *profilestore.User) error {
	return s.Users.Write(ctx, func(tx profilestore.Tx) error {
		_, err := tx.Get(ctx, user.ID)
		switch {
		case err == nil:
			return profilestore.ErrUserIDTaken
		case !errors.Is(err, profilestore.ErrNotFound):
			return err
		}
		return tx.Put(ctx, user)
	})
}
