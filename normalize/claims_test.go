package normalize

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/vectors"
)

func TestStandardClaims(t *testing.T) {
	root := vectors.Parse(t, `{"email":"a@example.com","email_verified":true,"name":"A","website":"https://a.example","gender":null,
		"locale":{"country":"NL"},"phone_number":"+15550100","phone_verified":false,"address":{"country":"NL"},"groups":["g"]}`).(map[string]any)
	at := time.Date(2024, 3, 1, 13, 0, 0, 7_000_000, time.FixedZone("", 3600))
	for scopes, want := range map[string]string{
		"openid":         `{"sub":"auth0|1"}`,
		"openid email":   `{"sub":"auth0|1","email":"a@example.com","email_verified":true}`,
		"profile":        `{"name":"A","website":"https://a.example","updated_at":"2024-03-01T12:00:00.007Z"}`,
		"openid phone":   `{"sub":"auth0|1","phone_number":"+15550100","phone_number_verified":false}`,
		"address groups": `{"address":{"country":"NL"}}`,
		"":               `{}`,
	} {
		got := StandardClaims("auth0|1", root, at, strings.Fields(scopes))
		if d := cmp.Diff(vectors.Parse(t, want), any(got)); d != "" {
			t.Errorf("%q (-want +got):\n%s", scopes, d)
		}
	}
}
