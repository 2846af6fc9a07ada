// Package vectors reads the files of test vectors, and compares what came out with what they expect. An expectation is
// JSON: objects match as subsets, lists and scalars exactly, and an object with one of these names alone asks for more:
//
//	{"$regex": "…"}       a text that the expression matches
//	{"$not": X}           anything but X, or nothing
//	{"$exact": {…}}       an object with these names and no others
//	{"$absent": true}     nothing
//	{"$absent_or": X}     nothing, or X
//	{"$gravatar": {"md5": "…", "initials": "…"}}   the picture made for an e-mail address
//	{"$avatar": "…"}      the picture made of these letters
//	{"any": …}            whatever it is
//
// Only tests import it.
package vectors

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// Connection is a connection that a vector is about.
type Connection struct {
	Name, Strategy string
	Options        map[string]any
}

// Upstream is what the identity provider said. Numbers are json.Number.
type Upstream struct {
	IDTokenClaims map[string]any `json:"id_token_claims"`
	Userinfo      any
	Extra         map[string]any
	FormPost      map[string]any `json:"form_post"`
}

// Load reads a file of vectors: a JSON list of T.
func Load[T any](t testing.TB, file string) []T {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	if err := read(text, &list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(list) == 0 {
		t.Fatalf("%s has no vectors", file)
	}
	return list
}

// Parse reads one JSON value.
func Parse(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := read([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// read keeps the digits of numbers.
func read(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return dec.Decode(into)
}

// Check reports where got, which what names, is not as a vector wants it.
func Check(t testing.TB, what string, got, want any) {
	t.Helper()
	for _, problem := range Differences(what, got, want) {
		t.Error(problem)
	}
}

// CheckAbsent reports the names that an object must not have.
func CheckAbsent(t testing.TB, what string, got map[string]any, names []string) {
	t.Helper()
	for _, name := range names {
		if v, there := got[name]; there {
			t.Errorf("%s has %s: %v", what, name, v)
		}
	}
}
