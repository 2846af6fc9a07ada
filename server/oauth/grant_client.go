package oauth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/tenant"
)

// clientGrant issues a token to a client for itself (RFC 6749 §4.4), within its client grant.
func (s *Surface) clientGrant(t *tokenRequest) (*tokenResponse, error) {
	response, err := s.clientToken(t)
	kind, description := audit.SuccessClientExchange, ""
	if err != nil {
		kind, description = audit.FailedClientExchange, asError(err).Description
	}
	s.record(t.Request, audit.Event{
		Type: kind, ClientID: t.client.ID, ClientName: t.client.Name,
		Audience: printable(t.params.String("audience")), Description: description,
	})
	return response, err
}

func (s *Surface) clientToken(t *tokenRequest) (*tokenResponse, error) {
	if t.client.Public() {
		return nil, grantNotAllowed(grantClient)
	}
	audience := t.params.String("audience")
	if audience == "" {
		if audience = t.config.Settings.DefaultAudience; audience == "" {
			return nil, denied("Non-global clients are not allowed access to APIv1")
		}
	}
	api := t.config.ResourceServer(audience)
	if api == nil {
		return nil, denied("Service not found: " + printable(audience))
	}
	scope, err := clientScope(t, api)
	if err != nil {
		return nil, err
	}
	now, lifetime := s.Now(), accessLifetime(api)
	claims := map[string]any{
		"iss": s.Issuer, "sub": t.client.ID + "@clients", "aud": api.Identifier, "iat": now.Unix(),
		"exp": now.Add(lifetime).Unix(), "gty": "client-credentials", "jti": ids.Alphanumeric(22),
	}
	if len(scope) > 0 {
		claims["scope"] = scopeText(scope)
	}
	token, err := s.signAccess(api, t.client, claims)
	if err != nil {
		return nil, err
	}
	return &tokenResponse{AccessToken: token, ExpiresIn: int64(lifetime / time.Second), TokenType: "Bearer", Scope: scopeText(scope)}, nil
}

// clientScope is what the client grant allows, or the asked part of it.
func clientScope(t *tokenRequest, api *tenant.ResourceServer) ([]string, error) {
	grant := t.config.ClientGrantFor(t.client.ID, api.Identifier)
	if grant == nil {
		return nil, denied(fmt.Sprintf("Client is not authorized to access %q. You need to create a \"client-grant\" associated to this API.", api.Identifier))
	}
	asked := strings.Fields(t.params.String("scope"))
	if len(asked) == 0 {
		return grant.Scope, nil
	}
	var lacking []string
	for _, scope := range asked {
		if !slices.Contains(grant.Scope, scope) {
			lacking = append(lacking, printable(scope))
		}
	}
	if len(lacking) > 0 {
		return nil, &Error{
			Status: http.StatusForbidden, Code: "access_denied",
			Description: "Client has not been granted scopes: " + strings.Join(lacking, ", "),
		}
	}
	return asked, nil
}
