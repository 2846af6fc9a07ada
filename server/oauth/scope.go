package oauth

import (
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/tenant"
)

// oidcScopes are the scopes about the person (OpenID Connect Core §5.4).
var oidcScopes = [...]string{"openid", "profile", "email", "address", "phone"}

const offlineAccess = "offline_access"

// audience returns the API's identifier, or "" where the access token is for /userinfo alone.
func (s *Surface) audience(config *tenant.Config, asked string) string {
	if asked == "" {
		asked = config.Settings.DefaultAudience
	}
	if asked == s.Issuer+"userinfo" {
		return ""
	}
	return asked
}

// allowedScope narrows the asked scopes to what the client may have for a person: the scopes about the person, those the
// API defines, and offline_access where client and API allow it. Unknown ones are dropped silently, as Auth0 does; the
// token response says what was granted.
func (s *Surface) allowedScope(config *tenant.Config, client *tenant.Client, audience string, asked []string) ([]string, error) {
	api := config.ResourceServer(audience)
	if audience != "" && api == nil {
		return nil, denied("Service not found: " + printable(audience))
	}
	if api != nil && !client.IsFirstParty && config.ClientGrantFor(client.ID, audience) == nil {
		return nil, &Error{
			Status: http.StatusForbidden, Code: "unauthorized_client",
			Description: "Client is not authorized to access resource server \"" + printable(audience) + "\".",
		}
	}
	var allowed []string
	for _, scope := range asked {
		if !slices.Contains(allowed, scope) && scopeAllowed(client, api, config.ClientGrantFor(client.ID, audience), scope) {
			allowed = append(allowed, scope)
		}
	}
	return allowed, nil
}

func scopeAllowed(client *tenant.Client, api *tenant.ResourceServer, grant *tenant.ClientGrant, scope string) bool {
	if slices.Contains(oidcScopes[:], scope) {
		return true
	}
	if scope == offlineAccess {
		return client.AllowsGrant(grantRefresh) && (api == nil || api.AllowOfflineAcces)
	}
	if api == nil || !definesScope(api, scope) {
		return false
	}
	if api.IsSystem {
		return currentUserScope(scope)
	}
	return client.IsFirstParty || slices.Contains(grant.Scope, scope)
}

func definesScope(api *tenant.ResourceServer, scope string) bool {
	return slices.ContainsFunc(api.Scopes, func(s tenant.Scope) bool { return s.Value == scope })
}

// currentUserScope: people get these scopes of the Management API and no others (Auth0: Get Management API Tokens for
// Single-Page Applications).
func currentUserScope(scope string) bool {
	return slices.Contains([]string{
		"read:current_user", "update:current_user_identities", "create:current_user_metadata", "update:current_user_metadata",
		"delete:current_user_metadata", "delete:current_user", "create:current_user_device_credentials", "delete:current_user_device_credentials",
	}, scope)
}

// apiScopes are the scopes an API defines.
func apiScopes(api *tenant.ResourceServer) []string {
	var all []string
	for _, s := range api.Scopes {
		all = append(all, s.Value)
	}
	return all
}
