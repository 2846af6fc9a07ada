package normalize

import "strings"

// Reserved reports whether a root key belongs to the server, so that no identity provider can write it: the fields of a
// stored user that aren't root attributes, secrets, and tokens.
func Reserved(name string) bool {
	switch name {
	case "user_id", "_id", "__tenant", "tenant", "identities", "user_metadata", "app_metadata", "metadata",
		"blocked", "blocked_for", "multifactor", "multifactor_last_modified", "guardian_authenticators", "passkeys",
		"mfa_factors", "logins_count", "last_ip", "last_login", "last_password_reset", "password_set_date",
		"created_at", "updated_at", "password", "password_hash", "custom_password_hash", "__proto__":
		return true
	}
	return isToken(name)
}

// isToken reports whether a key holds what an identity provider gave for calling it, not something about a person.
func isToken(name string) bool {
	switch name {
	case "access_token", "access_token_secret", "refresh_token", "id_token", "token_type", "expires_in":
		return true
	}
	return false
}

// isProtocolClaim reports whether a key is about the message that carried the claims (RFC 7519 §4.1, OpenID Connect Core
// §2, §3.1.3.6), whatever the provider.
func isProtocolClaim(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "auth_time", "acr", "amr", "at_hash", "c_hash",
		"s_hash", "sid":
		return true
	}
	return false
}

// isRestrictedClaim reports whether an OpenID Connect provider's claim of this name is never mapped to a root attribute
// of the same name (Auth0: Create Custom Claims, restricted claims). An attribute map may bring it under another name.
func isRestrictedClaim(name string) bool {
	switch name {
	case "act", "active", "ath", "attest", "authorization_details", "client_id", "cnf", "cty", "dest", "entitlements",
		"events", "groups", "gty", "htm", "htu", "internalService", "jcard", "jku", "jti", "jwe", "jwk", "kid",
		"may_act", "mky", "object_id", "org_id", "org_name", "orig", "origid", "permissions", "roles", "rph",
		"sub_jwk", "toe", "txn", "typ", "uuid", "vot", "vtm", "x5t#S256":
		return true
	}
	return isProtocolClaim(name) || strings.HasPrefix(name, "sip_")
}
