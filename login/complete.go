package login

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// Complete turns what an identity provider said into a log-in: the profile is mapped, merged into the stored user in one
// transaction, and the user let through or refused. Errors: *Refused, ErrBlocked, ErrConnectionOff, or ours.
func (s *Service) Complete(ctx context.Context, a connectors.Assertion, from Origin) (Result, error) {
	profile, err := normalize.Map(inputOf(a))
	if err != nil {
		return Result{}, s.refuse(ctx, a.Connection, nil, from, mappingRefused(err))
	}
	result := Result{Connection: a.Connection, Transient: profile.Transient, AuthTime: s.Now()}
	result.User, result.Created, err = s.merge(ctx, a, profile, from)
	if err != nil {
		return Result{}, s.refuse(ctx, a.Connection, nil, from, mergeRefused(err))
	}
	if Blocked(result.User) {
		return Result{}, s.refuse(ctx, a.Connection, result.User, from, ErrBlocked)
	}
	s.record(ctx, audit.SuccessLogin, a.Connection, result.User, from, "")
	return result, nil
}

// merge stores the log-in. Two first log-ins of one person at the same moment meet in the driver's transaction.
func (s *Service) merge(ctx context.Context, a connectors.Assertion, p normalize.Profile, from Origin) (*profilestore.User, bool, error) {
	raw, err := rawOf(a)
	if err != nil {
		return nil, false, err
	}
	raw.At = s.Now()
	rules := profilestore.MergeContext{
		Connection: profilestore.ConnectionOf(mapped(a.Connection)), Now: s.Now(), IP: from.IP,
		Raw: raw, AvatarBase: s.Avatars,
	}
	var user *profilestore.User
	var created bool
	err = s.Users.Write(ctx, func(tx profilestore.Tx) error {
		current, err := tx.ByIdentity(ctx, profilestore.Key{Connection: p.Connection, Subject: p.SubjectText})
		if created = errors.Is(err, profilestore.ErrNotFound); err != nil && !created {
			return err
		}
		if user, err = profilestore.Merge(current, p, rules); err != nil {
			return err
		}
		return tx.Put(ctx, user)
	})
	return user, created, err
}

func inputOf(a connectors.Assertion) normalize.Input {
	return normalize.Input{Connection: mapped(a.Connection), IDToken: a.IDToken, Userinfo: a.Userinfo, Extra: a.Extra, FormPost: a.FormPost}
}

// mapped is the part of a connection that mapping depends on.
func mapped(c *tenant.Connection) normalize.Connection {
	return normalize.Connection{ID: c.ID, Name: c.Name, Strategy: c.Strategy, Options: c.Options}
}

// rawOf keeps the provider's words as they came, for a mapping that changes later. People of our own databases have none.
func rawOf(a connectors.Assertion) (*profilestore.Raw, error) {
	raw := &profilestore.Raw{}
	if a.Connection.Strategy == tenant.StrategyDatabase {
		return raw, nil
	}
	for _, part := range []struct {
		value any
		into  *json.RawMessage
		given bool
	}{
		{a.IDToken, &raw.IDToken, a.IDToken != nil},
		{a.Userinfo, &raw.Userinfo, a.Userinfo != nil},
		{a.Extra, &raw.Extra, a.Extra != nil},
		{a.FormPost, &raw.FormPost, a.FormPost != nil},
	} {
		if !part.given {
			continue
		}
		data, err := json.Marshal(part.value)
		if err != nil {
			return nil, err
		}
		*part.into = data
	}
	return raw, nil
}
