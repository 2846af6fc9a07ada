package login

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

func (s *Service) SeedUser(ctx context.Context, seed tenant.SeedUser) (bool, error) {
	in := connectors.SignUp{Password: seed.Password}
	in.Email, _ = seed.Profile["email"].(string)
	_, err := s.signUp(ctx, s.Tenant.Current().ConnectionByName(seed.Connection), in)
	if errors.Is(err, profilestore.ErrEmailTaken) {
		return false, nil
	}
	return err == nil, err
}
