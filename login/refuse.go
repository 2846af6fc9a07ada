package login

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// mappingRefused words why no profile could be made of a provider's answer.
func mappingRefused(err error) error {
	description := "The identity provider's answer can't be used."
	switch {
	case errors.Is(err, normalize.ErrMissingSubject):
		return &Refused{Code: "invalid_request", Description: "The identity provider did not say who you are (missing user_id).", Err: err}
	case errors.Is(err, normalize.ErrSubjectMismatch):
		description = "The identity provider's answers are about different people."
	case errors.Is(err, normalize.ErrTooLarge):
		description = "The profile from the identity provider is too large."
	}
	return &Refused{Code: "access_denied", Description: description, Err: err}
}

// mergeRefused words why a profile could not be stored; other errors stay as they are.
func mergeRefused(err error) error {
	switch {
	case errors.Is(err, profilestore.ErrSignupDisabledBySync):
		return &Refused{Code: "access_denied", Description: "This connection does not create users. Please ask for an account first.", Err: err}
	case errors.Is(err, profilestore.ErrEmailTaken), errors.Is(err, profilestore.ErrUsernameTaken), errors.Is(err, profilestore.ErrPhoneTaken):
		return &Refused{Code: "access_denied", Description: "Another account of this connection has this address.", Err: err}
	}
	return err
}

// refuse logs a refused log-in and returns why.
func (s *Service) refuse(ctx context.Context, conn *tenant.Connection, user *profilestore.User, from Origin, err error) error {
	description := err.Error()
	var refused *Refused
	if errors.As(err, &refused) {
		description = refused.Description
	}
	s.record(ctx, audit.FailedLogin, conn, user, from, description)
	return err
}

func (s *Service) record(ctx context.Context, kind audit.Type, conn *tenant.Connection, user *profilestore.User, from Origin, description string) {
	e := audit.Event{
		Type: kind, Description: description, ClientID: from.ClientID, IP: from.IP, UserAgent: from.UserAgent,
		Connection: conn.Name, ConnectionID: conn.ID, Strategy: conn.Strategy,
	}
	if client := s.Tenant.Current().Clients[from.ClientID]; client != nil {
		e.ClientName = client.Name
	}
	if user != nil {
		e.UserID = user.ID
		e.UserName, _ = user.Root["name"].(string)
	}
	s.Audit.Record(ctx, e)
}
