package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
)

// MaxCustomClaims is the size in bytes of all custom claims of a token together, as JSON (Auth0: Create Custom Claims).
const MaxCustomClaims = 100 << 10

// ErrCustomClaims says that custom claims are too large.
var ErrCustomClaims = errors.New("custom claims exceed 100 KB")

// restricted are the claims that custom code can't set (Auth0: Create Custom Claims, Restricted claims).
const restricted = " acr act active amr at_hash ath attest aud auth_time authorization_details azp c_hash client_id cnf cty" +
	" dest entitlements events exp groups gty htm htu iat internalService iss jcard jku jti jwe jwk kid may_act mky nbf nonce" +
	" object_id org_id org_name orig origid permissions roles rph s_hash sid sip_callid sip_cseq_num sip_date sip_from_tag" +
	" sip_via_branch sub sub_jwk toe txn typ uuid vot vtm x5t#S256 "

// own are claims that this server alone sets, beyond the restricted ones: the scope that was granted, and the end of the
// session, on which Auth0's SPA SDK acts.
const own = " scope session_expiry "

// Restricted says whether custom code may not set a claim of this name. Such a claim is left out; the login goes on.
func Restricted(name string) bool { return listed(restricted, name) }

func listed(list, name string) bool {
	return name != "" && !strings.Contains(name, " ") && strings.Contains(list, " "+name+" ")
}

// Namespaced says whether a claim's name is a URL or URN. Tokens for the Management API take no other private claims.
func Namespaced(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "urn:")
}

// CustomClaimAllowed says whether custom code may set a claim of this name: it isn't restricted, doesn't begin with $, and
// if it is namespaced the namespace isn't one of Auth0's (Auth0: Create Custom Claims).
func CustomClaimAllowed(name string) bool {
	if name == "" || strings.HasPrefix(name, "$") || Restricted(name) || listed(own, name) {
		return false
	}
	if !Namespaced(name) {
		return true
	}
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "urn:") {
		return lower != "urn:auth0" && !strings.HasPrefix(lower, "urn:auth0:")
	}
	u, err := url.Parse(lower)
	if err != nil || u.Hostname() == "" {
		return false
	}
	for _, domain := range []string{"auth0.com", "webtask.io", "webtask.run"} {
		if host := strings.TrimSuffix(u.Hostname(), "."); host == domain || strings.HasSuffix(host, "."+domain) {
			return false
		}
	}
	return true
}

// ClaimScope returns the scope that a token needs for a standard claim, "" for other claims (OpenID Connect Core §5.4).
// It holds for custom code too: an e-mail that an action sets is left out without the scope email.
func ClaimScope(name string) string {
	switch name {
	case "email", "email_verified":
		return "email"
	case "phone_number", "phone_number_verified":
		return "phone"
	case "address":
		return "address"
	case "birthdate", "family_name", "gender", "given_name", "locale", "middle_name", "name", "nickname", "picture",
		"preferred_username", "profile", "updated_at", "website", "zoneinfo":
		return "profile"
	}
	return ""
}

// CheckCustomClaims says whether custom claims fit into a token. Errors: ErrCustomClaims, or a value that JSON can't
// express.
func CheckCustomClaims(custom map[string]any) error {
	text, err := json.Marshal(custom)
	if err != nil {
		return fmt.Errorf("custom claims can't be written: %w", err)
	}
	if len(text) > MaxCustomClaims {
		return ErrCustomClaims
	}
	return nil
}

// MergeCustom returns standard with the allowed claims of custom added. A custom claim replaces a standard one only if
// that describes the person (ClaimScope); what the protocol says stays as it is.
func MergeCustom(standard, custom map[string]any) map[string]any {
	merged := make(map[string]any, len(standard)+len(custom))
	maps.Copy(merged, standard)
	for name, value := range custom {
		if !CustomClaimAllowed(name) {
			continue
		}
		if _, taken := standard[name]; taken && ClaimScope(name) == "" {
			continue
		}
		merged[name] = value
	}
	return merged
}
