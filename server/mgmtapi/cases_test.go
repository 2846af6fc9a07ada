package mgmtapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// story is a list of requests to a fresh server.
type story struct {
	Name  string
	Steps []step
}

type step struct {
	// As is who asks: "" for a machine client with all scopes, "scopes a b" for one with these, "person ID CONNECTION a b"
	// for a person's own token with these scopes, "header X" for a header as it is, "claims {…}" for a machine token with
	// other claims.
	As     string
	Do     string // "GET /users?…"
	Body   json.RawMessage
	Raw    string // a body that is no JSON
	Status int
	// Want is a subset of the answer: objects may have more keys, lists may not. "$absent" wants a key to be missing.
	Want any
}

func TestStories(t *testing.T) {
	keys := newKeys(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var stories []story
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		dec.DisallowUnknownFields()
		if err := dec.Decode(&stories); err != nil {
			t.Fatal(file, err)
		}
		for _, s := range stories {
			t.Run(filepath.Base(file)+"/"+s.Name, func(t *testing.T) {
				w := newWorld(t, keys)
				for n, st := range s.Steps {
					w.step(t, fmt.Sprintf("step %d (%s)", n+1, st.Do), st)
				}
			})
		}
	}
}

func (w *world) step(t *testing.T, at string, st step) {
	t.Helper()
	method, path, _ := strings.Cut(st.Do, " ")
	body := w.replace(string(st.Body)) + st.Raw
	rec := w.send(method, "/api/v2"+path, w.authorization(t, st.As), body)
	if rec.Code != st.Status {
		t.Fatalf("%s: status %d, want %d: %s", at, rec.Code, st.Status, rec.Body)
	}
	if st.Want == nil {
		return
	}
	var got any
	dec := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
	dec.UseNumber()
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%s: %v: %s", at, err, rec.Body)
	}
	for _, problem := range match("answer", got, st.Want) {
		t.Errorf("%s: %s", at, problem)
	}
}

func (w *world) authorization(t *testing.T, as string) string {
	t.Helper()
	kind, rest, _ := strings.Cut(as, " ")
	switch kind {
	case "":
		return "Bearer " + w.machine(allWrite, nil)
	case "scopes":
		return "Bearer " + w.machine(rest, nil)
	case "header":
		return rest
	case "claims":
		var change map[string]any
		if err := json.Unmarshal([]byte(rest), &change); err != nil {
			t.Fatal(err)
		}
		return "Bearer " + w.machine(allWrite, change)
	case "person":
		parts := strings.SplitN(rest, " ", 3)
		token, _, _ := w.person(parts[0], parts[1], parts[2])
		return "Bearer " + token
	}
	t.Fatalf("nobody is called %q", as)
	return ""
}

// replace puts tokens into a body.
func (w *world) replace(body string) string {
	past := noon.Unix() - 10
	good := w.idToken(nil)
	for name, token := range map[string]string{
		"$good":        good,
		"$blocked":     w.idToken(map[string]any{"sub": "github|43"}),
		"$expired":     w.idToken(map[string]any{"iat": past - 10, "exp": past}),
		"$otherclient": w.idToken(map[string]any{"aud": "other"}),
		"$noclient":    w.idToken(map[string]any{"aud": "https://api.test/"}),
		"$nosub":       w.idToken(map[string]any{"sub": nil}),
		"$badsub":      w.idToken(map[string]any{"sub": 5}),
		"$self":        w.idToken(map[string]any{"sub": "auth0|ann"}),
		"$nobody":      w.idToken(map[string]any{"sub": "auth0|nobody"}),
		"$issuer":      w.idToken(map[string]any{"iss": "https://evil.test/"}),
		"$access":      w.idToken(map[string]any{"azp": "app", "scope": "openid"}),
		"$none":        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.",
		"$damaged":     good[:len(good)-4] + "AAAA",
	} {
		body = strings.ReplaceAll(body, `"`+name+`"`, `"`+token+`"`)
	}
	return body
}

// match returns how an answer differs from what is wanted.
func match(path string, got, want any) []string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: got %v, want an object", path, got)}
		}
		var problems []string
		for _, key := range slices.Sorted(maps.Keys(want)) {
			value, there := object[key]
			switch {
			case want[key] == "$absent" && there:
				problems = append(problems, fmt.Sprintf("%s.%s: got %v, want none", path, key, value))
			case want[key] == "$absent", want[key] == "$any" && there:
			case !there:
				problems = append(problems, path+"."+key+" is missing")
			default:
				problems = append(problems, match(path+"."+key, value, want[key])...)
			}
		}
		return problems
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return []string{fmt.Sprintf("%s: got %v, want %d elements", path, got, len(want))}
		}
		var problems []string
		for i := range want {
			problems = append(problems, match(fmt.Sprintf("%s[%d]", path, i), list[i], want[i])...)
		}
		return problems
	}
	if got != want {
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	return nil
}
