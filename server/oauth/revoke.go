package oauth

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
)

// revoke answers POST /oauth/revoke (RFC 7009; Auth0: Revoke Refresh Tokens): the whole family of a refresh token ends.
// Unknown tokens and those of other clients are answered alike.
func (s *Surface) revoke(w http.ResponseWriter, r *http.Request) error {
	params, err := web.Body(r)
	if err != nil {
		return err
	}
	client, err := s.authenticateClient(r, params)
	if err != nil {
		e := asError(err)
		if e == errClient {
			return &Error{Status: http.StatusUnauthorized, Code: "invalid_client", Description: "Unauthorized"}
		}
		return err
	}
	holdOrigin(w, r, client)
	token := params.String("token")
	if token == "" {
		return missing("token")
	}
	family, err := s.Grants.FindRefresh(r.Context(), sessions.Hash(token))
	if err == nil && family.Grant.ClientID == client.ID {
		if err := s.Grants.RevokeGrant(r.Context(), family.Grant.ID, family.Grant.ExpiresAt); err != nil {
			return err
		}
		s.record(r, audit.Event{Type: audit.SuccessRevocation, ClientID: client.ID, ClientName: client.Name, UserID: family.Grant.UserID})
	}
	if err != nil && !errors.Is(err, sessions.ErrNotFound) {
		return err
	}
	web.NoStore(w)
	w.WriteHeader(http.StatusOK)
	return nil
}
