package oauth

import (
	"maps"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/server/web"
)

// discovery answers /.well-known/openid-configuration (OpenID Connect Discovery §3, RFC 8414). It lists what works and
// nothing else.
func (s *Surface) discovery(w http.ResponseWriter, r *http.Request) {
	document := map[string]any{
		"issuer":                                           s.Issuer,
		"authorization_endpoint":                           s.Issuer + "authorize",
		"token_endpoint":                                   s.Issuer + "oauth/token",
		"userinfo_endpoint":                                s.Issuer + "userinfo",
		"jwks_uri":                                         s.Issuer + ".well-known/jwks.json",
		"revocation_endpoint":                              s.Issuer + "oauth/revoke",
		"end_session_endpoint":                             s.Issuer + "oidc/logout",
		"scopes_supported":                                 append(slices.Clone(oidcScopes[:]), offlineAccess),
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query", "fragment", "form_post"},
		"grant_types_supported":                            slices.Sorted(maps.Keys(s.grants())),
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{"HS256", "RS256", "PS256"},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "RS384", "PS256"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"claims_supported": []string{
			"aud", "auth_time", "email", "email_verified", "exp", "family_name", "given_name", "iat",
			"iss", "name", "nickname", "phone_number", "picture", "sub",
		},
		"prompt_values_supported":                        []string{"none", "login", "consent", "select_account"},
		"claims_parameter_supported":                     false,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
		"authorization_response_iss_parameter_supported": true,
	}
	if err := web.WriteJSON(w, http.StatusOK, document); err != nil {
		writeError(w, r, err)
		return
	}
}

// jwks answers /.well-known/jwks.json (RFC 7517 §5): bytes that change only when the keys do.
func (s *Surface) jwks(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400")
	// Whoever asked may be gone; nobody is left to tell.
	_, _ = w.Write(s.Keys.JWKS())
}
