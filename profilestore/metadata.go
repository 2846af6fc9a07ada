package profilestore

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/jsonvalue"
)

const maxProfileBytes = 1 << 20

// MergeMetadata returns metadata after a change (Auth0: Manage Metadata Using the Management API): only the first level is
// merged, null removes a key, and an empty change removes everything. A nil change changes nothing. The result is nil where
// nothing is left, and shares nothing with its inputs.
func MergeMetadata(current, change map[string]any) map[string]any {
	if change != nil && len(change) == 0 {
		return nil
	}
	merged := jsonvalue.CloneMap(current)
	for key, v := range change {
		if v == nil {
			delete(merged, key)
			continue
		}
		if merged == nil {
			merged = map[string]any{}
		}
		merged[key] = jsonvalue.Clone(v)
	}
	if len(merged) == 0 {
		return nil
	}
	return merged
}

// CheckUserMetadata refuses names that metadata can't have (Auth0: Metadata Field Names and Data Types). The error is a
// *Refusal.
func CheckUserMetadata(m map[string]any) error { return checkMetadata("user_metadata", m, nil) }

// CheckAppMetadata is CheckUserMetadata for app_metadata, some names of which are reserved.
func CheckAppMetadata(m map[string]any) error {
	return checkMetadata("app_metadata", m, isReservedMetadata)
}

func checkMetadata(property string, m map[string]any, reserved func(string) bool) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if reserved != nil && reserved(key) {
			return invalid(property, "", "Property name is reserved: "+key)
		}
	}
	if name, found := badName(m); found {
		return invalid(property, "", "Property names must not contain '.' or '$': "+name)
	}
	return nil
}

// badName finds a key with a dot or a dollar sign at any depth.
func badName(v any) (name string, found bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if strings.ContainsAny(key, ".$") {
				return key, true
			}
			if name, found := badName(v[key]); found {
				return name, true
			}
		}
	case []any:
		for _, e := range v {
			if name, found := badName(e); found {
				return name, true
			}
		}
	}
	return "", false
}

// isReservedMetadata lists the names that app_metadata can't have (Auth0: Metadata Field Names and Data Types).
func isReservedMetadata(name string) bool {
	switch name {
	case "__tenant", "_id", "blocked", "clientID", "created_at", "email_verified", "email", "globalClientID",
		"global_client_id", "identities", "lastIP", "lastLogin", "loginsCount", "metadata", "multifactor_last_modified",
		"multifactor", "updated_at", "user_id":
		return true
	}
	return false
}

// checkSize refuses a profile that has become too large to be read at every login.
func (u *User) checkSize() error {
	b, err := json.Marshal([]any{u.Root, u.UserMetadata, u.AppMetadata})
	if err != nil {
		return fmt.Errorf("user %s can't be stored: %w", u.ID, err)
	}
	if len(b) > maxProfileBytes {
		return &Refusal{
			Code:    CodeInvalidBody,
			Message: fmt.Sprintf("The user profile is too large (%d bytes), maximum %d.", len(b), maxProfileBytes),
		}
	}
	return nil
}
