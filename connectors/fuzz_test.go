package connectors

import (
	"bytes"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/strictjson"
)

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		document, err := strictjson.Decode(bytes.NewReader(data), maxAnswer, maxDepth)
		if err != nil {
			return
		}
		keys, err := parseKeys(document)
		if err == nil && len(keys) == 0 {
			t.Fatal("no keys and no error")
		}
		for _, key := range keys {
			if !key.IsPublic() {
				t.Fatalf("a key that is not public: %T", key.Key)
			}
		}
	})
}

func FuzzSignUpEmail(f *testing.F) {
	f.Add("neo@example.com")
	f.Add("a@b.c\r\nBcc: x@y.z")
	f.Fuzz(func(t *testing.T, s string) {
		if validEmail(s) && (strings.ContainsAny(s, " \r\n\x00,;<>\"") || strings.Count(s, "@") != 1 || len(s) > 254) {
			t.Fatalf("%q is taken for an address", s)
		}
	})
}
