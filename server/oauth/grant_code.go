package oauth

import (
	"errors"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/sessions"
)

// codeGrant exchanges an authorization code (RFC 6749 §4.1.3). A code is spent by being presented, whether or not the rest
// is right: whoever tries a stolen one gets one try. Presenting it again revokes what came of it (§4.1.2).
func (s *Surface) codeGrant(t *tokenRequest) (*tokenResponse, error) {
	secret := t.params.String("code")
	if secret == "" {
		return nil, missing("code")
	}
	code, err := s.Codes.Take(t.Context(), secret)
	switch {
	case errors.Is(err, sessions.ErrTaken):
		return nil, s.codeReplayed(t, code)
	case errors.Is(err, sessions.ErrNotFound):
		return nil, s.codeRefused(t, sessions.Code{}, invalidGrant("Invalid authorization code"))
	case err != nil:
		return nil, err
	}
	if t.config.Ended(code.IssuedAt) || code.Request.ClientID != t.client.ID || !redirectAgrees(code.Request, t.params.String("redirect_uri")) {
		return nil, s.codeRefused(t, code, invalidGrant("Invalid authorization code"))
	}
	if !verifierMatches(code.Request, t.params.String("code_verifier")) {
		return nil, s.codeRefused(t, code, invalidGrant("Failed to verify code verifier"))
	}
	pass, err := s.Gate.Person(t.Context(), code.Login.UserID, t.client.ID, code.Login.Connection)
	if err != nil {
		return nil, s.codeRefused(t, code, err)
	}
	response, err := s.begin(t.Context(), issuance{
		config: t.config, client: t.client, user: pass.User, scope: code.Request.Scope, nonce: code.Request.Nonce,
		grant: sessions.Grant{
			ID: code.GrantID, Connection: code.Login.Connection, SessionID: code.Login.SessionID,
			Audience: code.Request.Audience, AuthTime: code.Login.AuthTime, GrantType: grantCode,
		},
	})
	if err != nil {
		return nil, s.codeRefused(t, code, err)
	}
	s.record(t.Request, audit.Event{
		Type: audit.SuccessCodeExchange, ClientID: t.client.ID, ClientName: t.client.Name,
		UserID: pass.User.ID, Connection: code.Login.Connection, Audience: code.Request.Audience, Scope: response.Scope,
	})
	return response, nil
}

// redirectAgrees: the URI must be the one of the authorization request where that named one (RFC 6749 §4.1.3).
func redirectAgrees(q sessions.AuthorizeRequest, given string) bool {
	if given == "" {
		return !q.RedirectURISent
	}
	return given == q.RedirectURI
}

// replayMemory is how long a revocation is remembered whose grant may not be stored yet.
const replayMemory = 24 * time.Hour

func (s *Surface) codeReplayed(t *tokenRequest, code sessions.Code) error {
	if err := s.Grants.RevokeGrant(t.Context(), code.GrantID, s.Now().Add(replayMemory)); err != nil {
		return err
	}
	return s.codeRefused(t, code, invalidGrant("Invalid authorization code"))
}

func (s *Surface) codeRefused(t *tokenRequest, code sessions.Code, err error) error {
	s.record(t.Request, audit.Event{
		Type: audit.FailedCodeExchange, ClientID: t.client.ID, ClientName: t.client.Name,
		UserID: code.Login.UserID, Connection: code.Login.Connection, Description: asError(err).Description,
	})
	return err
}
