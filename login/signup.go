package login

import (
	"context"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// SignUp creates a person of a database connection (Auth0: Signup). Errors: *connectors.SignUpError for what the person
// can mend, profilestore.ErrEmailTaken, ErrUsernameTaken and ErrPhoneTaken, ErrWrongStrategy, connectors.ErrBusy.
func (s *Service) SignUp(ctx context.Context, conn *tenant.Connection, in connectors.SignUp, from Origin) (*profilestore.User, error) {
	user, err := s.signUp(ctx, conn, in)
	if err != nil {
		s.record(ctx, audit.FailedSignup, conn, nil, from, err.Error())
		return nil, err
	}
	s.record(ctx, audit.SuccessSignup, conn, user, from, "")
	return user, nil
}

func (s *Service) signUp(ctx context.Context, conn *tenant.Connection, in connectors.SignUp) (*profilestore.User, error) {
	opened, err := s.Connectors.Get(conn)
	if err != nil {
		return nil, err
	}
	registrar, ok := opened.(connectors.Registrar)
	if !ok {
		return nil, ErrWrongStrategy
	}
	registration, err := registrar.Register(ctx, in)
	if err != nil {
		return nil, err
	}
	given := map[string]any{"_id": registration.Subject, "user_metadata": in.UserMetadata}
	for name, value := range map[string]string{
		"email": registration.Email, "username": registration.Username, "phone_number": registration.PhoneNumber,
	} {
		if value != "" {
			given[name] = value
		}
	}
	for name, value := range in.Root {
		if value != "" {
			given[name] = value
		}
	}
	return s.create(ctx, conn, "signup", given, registration.PasswordHash, profilestore.SourceUser)
}
