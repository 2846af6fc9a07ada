package oauth

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/sessions"
)

// Texts that SDKs compare (auth0-spa-js, Auth0.Android).
const (
	refreshUnknown  = "Unknown or invalid refresh token."
	refreshUserGone = "The refresh_token was generated for a user who doesn't exist anymore."
)

// refreshGrant exchanges a refresh token (RFC 6749 §6) and rotates it where the client is set so (Auth0: Refresh Token
// Rotation). Tokens are signed before the rotation is stored: a failure on the way costs the app nothing.
func (s *Surface) refreshGrant(t *tokenRequest) (*tokenResponse, error) {
	given := t.params.String("refresh_token")
	if given == "" {
		return nil, missing("refresh_token")
	}
	hash := sessions.Hash(given)
	family, err := s.Grants.FindRefresh(t.Context(), hash)
	if errors.Is(err, sessions.ErrNotFound) || err == nil && family.Grant.ClientID != t.client.ID {
		return nil, s.refreshRefused(t, family.Grant, invalidGrant(refreshUnknown))
	}
	if err != nil {
		return nil, err
	}
	pass, err := s.Gate.Grant(t.Context(), family.Grant.ID)
	if err != nil {
		return nil, s.refreshRefused(t, family.Grant, gateRefresh(err))
	}
	// A token that will not be exchanged isn't worth a signature.
	if _, err := sessions.DecideRefresh(family, refreshPolicy(t.client), hash, s.Now()); err != nil {
		_, err := s.rotate(t, hash, given)
		return nil, s.refreshRefused(t, family.Grant, cmp.Or(err, error(invalidGrant(refreshUnknown))))
	}
	response, err := s.issue(issuance{
		config: t.config, client: t.client, user: pass.User, grant: pass.Grant, gty: grantRefresh,
		scope: narrowed(pass.Grant.Scope, t.params.String("scope")),
	})
	if err != nil {
		return nil, err
	}
	if response.RefreshToken, err = s.rotate(t, hash, given); err != nil {
		return nil, s.refreshRefused(t, family.Grant, err)
	}
	s.record(t.Request, audit.Event{
		Type: audit.SuccessRefreshExchange, ClientID: t.client.ID, ClientName: t.client.Name,
		UserID: pass.User.ID, Audience: pass.Grant.Audience, Scope: response.Scope,
	})
	return response, nil
}

// rotate applies the rule of sessions.DecideRefresh and returns the token that the app holds from now on.
func (s *Surface) rotate(t *tokenRequest, hash [32]byte, given string) (string, error) {
	next, policy, now := newRefreshToken(), refreshPolicy(t.client), s.Now()
	reused := false
	err := s.Grants.ExchangeRefresh(t.Context(), hash, func(f sessions.Family) (sessions.Exchange, error) {
		exchange, err := sessions.DecideRefresh(f, policy, sessions.Hash(next), now)
		// A reuse is a decision to be stored, not a failure of the transaction.
		if reused = errors.Is(err, sessions.ErrReuse); reused {
			return exchange, nil
		}
		return exchange, err
	})
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return "", invalidGrant(refreshUnknown)
	case err != nil:
		return "", err
	case reused:
		return "", &Error{Status: 403, Code: "invalid_grant", Description: refreshUnknown, Err: sessions.ErrReuse}
	case policy.Rotating:
		return next, nil
	}
	return given, nil
}

// narrowed keeps the asked scopes that were granted; asking for more is not an error (Auth0 narrows silently).
func narrowed(granted []string, asked string) []string {
	if asked == "" {
		return granted
	}
	wanted := strings.Fields(asked)
	var scope []string
	for _, one := range granted {
		if slices.Contains(wanted, one) {
			scope = append(scope, one)
		}
	}
	return scope
}

// gateRefresh words the gate's decisions as SDKs know them.
func gateRefresh(err error) error {
	switch {
	case errors.Is(err, login.ErrBlocked):
		return &Error{Status: 403, Code: "unauthorized", Description: "user is blocked", Err: err}
	case errors.Is(err, login.ErrUserGone):
		return invalidGrant(refreshUserGone)
	case login.Refuses(err):
		return invalidGrant(refreshUnknown)
	}
	return err
}

func (s *Surface) refreshRefused(t *tokenRequest, g sessions.Grant, err error) error {
	kind := audit.FailedRefreshExchange
	if errors.Is(err, sessions.ErrReuse) {
		kind = audit.RefreshReuse
	}
	s.record(t.Request, audit.Event{
		Type: kind, ClientID: t.client.ID, ClientName: t.client.Name, UserID: g.UserID,
		Description: asError(err).Description,
	})
	return err
}
