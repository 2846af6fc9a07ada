package normalize

import (
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

// timeLayout is ISO 8601 with milliseconds, in UTC, as Auth0's APIs show every time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime shows a time as Auth0's APIs do: 2023-06-14T21:36:26.399Z.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// StandardClaims returns the OpenID Connect claims that the scopes ask for (OpenID Connect Core §5.4, with nickname and
// an ISO 8601 updated_at as Auth0's /userinfo has them). Attributes that are missing, null or of another type than the
// standard's are left out.
func StandardClaims(userID string, root map[string]any, updatedAt time.Time, scopes []string) map[string]any {
	claims := make(map[string]any, 12)
	if slices.Contains(scopes, "openid") {
		claims["sub"] = userID
	}
	if slices.Contains(scopes, "profile") {
		claims["updated_at"] = FormatTime(updatedAt)
	}
	for i := range attributes {
		a := &attributes[i]
		if a.Claim == "" || !slices.Contains(scopes, a.Scope) {
			continue
		}
		if v, ok := root[a.Name]; ok && TypeName(v) == string(a.Type) {
			claims[a.Claim] = jsonvalue.Clone(v)
		}
	}
	return claims
}
