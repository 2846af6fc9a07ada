package login

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// Password logs in somebody who gave an identifier and a password. Errors: connectors.ErrWrongCredentials, which says
// nothing about who exists; connectors.ErrBusy; ErrWrongStrategy; and those of Complete.
func (s *Service) Password(ctx context.Context, conn *tenant.Connection, identifier, password string, from Origin) (Result, error) {
	opened, err := s.Connectors.Get(conn)
	if err != nil {
		return Result{}, err
	}
	connector, ok := opened.(connectors.Password)
	if !ok {
		return Result{}, ErrWrongStrategy
	}
	assertion, err := connector.Verify(ctx, identifier, password)
	if errors.Is(err, connectors.ErrWrongCredentials) {
		return Result{}, s.wrongCredentials(ctx, conn, identifier, from, err)
	}
	if err != nil {
		return Result{}, err
	}
	return s.Complete(ctx, assertion, from)
}

// wrongCredentials logs which of the two it was: the operator may know, the person may not.
func (s *Service) wrongCredentials(ctx context.Context, conn *tenant.Connection, identifier string, from Origin, err error) error {
	user, lookup := s.Users.ByLogin(ctx, conn.Name, identifier)
	kind := audit.FailedLoginPassword
	if lookup != nil {
		kind, user = audit.FailedLoginUnknownUser, nil
	}
	s.record(ctx, kind, conn, user, from, "Wrong email or password.")
	return err
}

// Accounts is where database connectors find their people: the profile store, seen by identifier.
type Accounts struct{ Users profilestore.Store }

// Find implements connectors.Accounts.
func (a Accounts) Find(ctx context.Context, connection, identifier string) (connectors.Account, error) {
	user, err := a.Users.ByLogin(ctx, connection, identifier)
	if errors.Is(err, profilestore.ErrNotFound) {
		return connectors.Account{}, connectors.ErrNoAccount
	}
	if err != nil {
		return connectors.Account{}, err
	}
	for n, identity := range user.Identities {
		if identity.Connection != connection {
			continue
		}
		profile := user.Root
		if n > 0 {
			profile = identity.ProfileData
		}
		return connectors.Account{Subject: identity.SubjectString(), PasswordHash: identity.PasswordHash, Profile: profile}, nil
	}
	return connectors.Account{}, connectors.ErrNoAccount
}

// Rehash implements connectors.Accounts.
func (a Accounts) Rehash(ctx context.Context, connection, subject, oldHash, newHash string) error {
	return a.Users.Write(ctx, func(tx profilestore.Tx) error {
		user, err := tx.ByIdentity(ctx, profilestore.Key{Connection: connection, Subject: subject})
		if errors.Is(err, profilestore.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for n := range user.Identities {
			identity := &user.Identities[n]
			if identity.Connection == connection && identity.SubjectString() == subject && identity.PasswordHash == oldHash {
				identity.PasswordHash = newHash
				return tx.Put(ctx, user)
			}
		}
		return nil
	})
}
