package tenant_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/latchkey-id/latchkey/tenant"
)

func noEnv(string) (string, bool) { return "", false }

// Whatever the text, reading it ends in a File or in problems that have places.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"clients:\n  - name: a\n    callbacks: [https://a.test/cb]\n",
		"tenant: {session_lifetime: 1.5}\nbranding: {colors: {primary: '#fff'}}\n",
		"connections:\n- &a {name: x, strategy: github, options: {n: 1e3, s: ./x.js}}\n- <<: *a\n  name: y\n",
		"users: [{connection: db, password: p, email: a@b.c}]\n", "? [a]\n: b\n", "a: *a\n", "a: |\n  x\n ##X##",
		"clientGrants: [{client_id: a, audience: b, scope: [c]}]\nroles: [{name: r, permissions: [null]}]",
	} {
		f.Add(seed)
	}
	files := fstest.MapFS{"x.js": {Data: []byte("function x() {}")}}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			t.Skip("longer texts only take longer")
		}
		file, err := tenant.Parse("f.yaml", []byte(text), files, noEnv)
		if err != nil {
			problems, ok := errors.AsType[*tenant.FileError](err)
			if !ok {
				t.Fatalf("not a FileError: %v", err)
			}
			for _, p := range problems.Problems {
				if p.Line < 1 || p.Column < 1 || p.Message == "" {
					t.Errorf("problem without a place: %+v", p)
				}
			}
			return
		}
		opts := tenant.ApplyOptions{Issuer: "https://id.test/"}
		next, _, err := tenant.Plan(&tenant.Config{}, file, opts)
		if err != nil {
			return
		}
		_, again, err := tenant.Plan(next, file, opts)
		if err != nil {
			t.Fatalf("the second time: %v", err)
		}
		for _, c := range again {
			if c.Action != tenant.ActionUnchanged {
				t.Errorf("the second time: %s", c)
			}
		}
	})
}

// JSON is YAML: texts that a program wrote as JSON arrive unchanged.
func FuzzQuotedText(f *testing.F) {
	for _, seed := range []string{"plain", "\"\\/\b\f\n\r\t", "\u2028\u2029\u0085\u00a0\ufeff", "😀 é", "\x01\x1f\x7f", "# - : {}[]", " lead", "trail ", "a\n\n b", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		name := "connections:\n  - name: x\n    strategy: oauth2\n    options:\n      text: " + string(quoted) + "\n"
		file, err := tenant.Parse("f.yaml", []byte(name), nil, noEnv)
		if err != nil {
			if keywordLike(want) {
				t.Skip("keywords are replaced, not kept")
			}
			t.Fatalf("%q: %v", want, err)
		}
		if got := file.Connections[0].Value.String("text"); got != want && !keywordLike(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func keywordLike(text string) bool {
	return strings.Contains(text, "##") || strings.Contains(text, "@@") || strings.HasSuffix(text, ".js") || strings.HasSuffix(text, ".html")
}
