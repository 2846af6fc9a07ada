package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/audit"
	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/login"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// passwordGrant is RFC 6749 §4.3 against the tenant's default directory.
func (s *Surface) passwordGrant(t *tokenRequest) (*tokenResponse, error) {
	name := t.config.Settings.DefaultDirectory
	conn := t.config.ConnectionByName(name)
	if conn == nil {
		return nil, &Error{
			Status: http.StatusInternalServerError, Code: "server_error",
			Description: "Authorization server not configured with default connection.",
		}
	}
	return s.passwordLogin(t, conn)
}

// realmGrant is the same against a named connection (Auth0: Realm support for the Resource Owner Password grant).
func (s *Surface) realmGrant(t *tokenRequest) (*tokenResponse, error) {
	realm := t.params.String("realm")
	if realm == "" {
		return nil, missing("realm")
	}
	conn := t.config.ConnectionByRealm(realm)
	if conn == nil {
		return nil, invalidRequest("Unknown realm '" + printable(realm) + "'")
	}
	return s.passwordLogin(t, conn)
}

func (s *Surface) passwordLogin(t *tokenRequest, conn *tenant.Connection) (*tokenResponse, error) {
	username, password := t.params.String("username"), t.params.String("password")
	switch {
	case username == "":
		return nil, missing("username")
	case password == "":
		return nil, missing("password")
	case !conn.EnabledFor(t.client.ID):
		return nil, &Error{
			Status: http.StatusForbidden, Code: "unauthorized_client",
			Description: "The connection is not enabled for the client",
		}
	}
	audience := s.audience(t.config, t.params.String("audience"))
	scope, err := s.allowedScope(t.config, t.client, audience, passwordScope(t.config.ResourceServer(audience), t.params.String("scope")))
	if err != nil {
		return nil, err
	}
	result, err := s.Login.Password(t.Context(), conn, username, password, s.origin(t.Request, t.client.ID))
	switch {
	case errors.Is(err, connectors.ErrWrongCredentials):
		return nil, invalidGrant("Wrong email or password.")
	case errors.Is(err, login.ErrWrongStrategy):
		return nil, invalidRequest("specified strategy does not support requested operation")
	case err != nil:
		return nil, err
	}
	response, err := s.begin(t.Context(), issuance{
		config: t.config, client: t.client, user: result.User, scope: scope, gty: "password",
		grant: sessions.Grant{ID: ids.Hex24(), Connection: conn.Name, Audience: audience, AuthTime: result.AuthTime, GrantType: grantPassword},
	})
	if err != nil {
		return nil, err
	}
	s.record(t.Request, audit.Event{
		Type: audit.SuccessPasswordExchange, ClientID: t.client.ID, ClientName: t.client.Name,
		UserID: result.User.ID, Connection: conn.Name, Audience: audience, Scope: response.Scope,
	})
	return response, nil
}

// passwordScope: all scopes about the person where none or only openid was asked for, and all of the API's where none of
// its own was (Auth0: Call Your API Using Resource Owner Password Flow).
func passwordScope(api *tenant.ResourceServer, asked string) []string {
	scope := strings.Fields(asked)
	if len(scope) == 0 || slices.Equal(scope, []string{"openid"}) {
		scope = append(scope, oidcScopes[:]...)
	}
	if api != nil && !slices.ContainsFunc(scope, func(one string) bool { return definesScope(api, one) }) {
		scope = append(scope, apiScopes(api)...)
	}
	return scope
}
