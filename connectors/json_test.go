package connectors

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeJSON(t *testing.T) {
	got, err := decodeJSON([]byte(` {"a":[1.10,{"b":null}],"A":true,"n":12345678901234567890} `))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a": []any{json.Number("1.10"), map[string]any{"b": nil}}, "A": true, "n": json.Number("12345678901234567890"),
	}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{
		"", "{", "[1,]", `{"a":1,"a":1}`, `[{"a":{"b":1,"b":2}}]`, `{"a":1}x`, `1 2`, "\xff", `{"a":"` + "\xff" + `"}`, `{1:2}`,
		strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2), strings.Repeat(`{"a":`, 100_000),
	} {
		if v, err := decodeJSON([]byte(bad)); err == nil {
			t.Errorf("%.40q is read as %v", bad, v)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}],"n":1e400}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := decodeJSON(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatalf("%q does not go back to JSON: %v", data, err)
		}
		if second, err := decodeJSON(again); err != nil || !cmp.Equal(value, second) {
			t.Fatalf("%q changes on the way: %v, %v", data, second, err)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data)
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
