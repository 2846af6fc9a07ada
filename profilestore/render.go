package profilestore

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
	"github.com/latchkey-id/latchkey/normalize"
)

// Render shows a user as GET /api/v2/users/{id} does (Auth0: User Profile Structure). Fields that nobody has set are
// missing. Password hashes, raw answers and provenance are never in it. The result shares nothing with u.
func Render(u *User) map[string]any {
	out := make(map[string]any, len(u.Root)+12)
	for key, v := range u.Root {
		if !normalize.Reserved(key) {
			out[key] = jsonvalue.Clone(v)
		}
	}
	out["user_id"] = u.ID
	out["identities"] = RenderIdentities(u)
	out["created_at"] = normalize.FormatTime(u.CreatedAt)
	out["updated_at"] = normalize.FormatTime(u.UpdatedAt)
	if u.UserMetadata != nil {
		out["user_metadata"] = jsonvalue.CloneMap(u.UserMetadata)
	}
	if u.AppMetadata != nil {
		out["app_metadata"] = jsonvalue.CloneMap(u.AppMetadata)
	}
	if u.Blocked != nil {
		out["blocked"] = *u.Blocked
	}
	if u.LastLogin != nil {
		out["last_login"] = normalize.FormatTime(*u.LastLogin)
	}
	if u.LastIP != "" {
		out["last_ip"] = u.LastIP
	}
	if u.LoginsCount > 0 {
		out["logins_count"] = json.Number(strconv.FormatInt(u.LoginsCount, 10))
	}
	if u.LastPasswordReset != nil {
		out["last_password_reset"] = normalize.FormatTime(*u.LastPasswordReset)
	}
	return out
}

// RenderIdentities shows a user's identities, the primary one first. Only secondary ones carry profileData.
func RenderIdentities(u *User) []any {
	list := make([]any, 0, len(u.Identities))
	for n, identity := range u.Identities {
		shown := map[string]any{
			"connection": identity.Connection, "provider": identity.Provider,
			"user_id": identity.UserID, "isSocial": identity.IsSocial,
		}
		if n > 0 {
			shown["profileData"] = map[string]any{}
			if identity.ProfileData != nil {
				shown["profileData"] = jsonvalue.CloneMap(identity.ProfileData)
			}
		}
		list = append(list, shown)
	}
	return list
}

// Fields keeps (include) or drops the named top-level fields of a rendered object, as the query parameters fields and
// include_fields ask for. Without names the object stays whole.
func Fields(m map[string]any, fields []string, include bool) map[string]any {
	if len(fields) == 0 {
		return m
	}
	out := make(map[string]any, len(m))
	for key, v := range m {
		if slices.Contains(fields, key) == include {
			out[key] = v
		}
	}
	return out
}
