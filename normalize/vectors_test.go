package normalize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// vector is one first login, or sign-up, on an empty store.
type vector struct {
	Name       string
	Connection struct {
		Name, Strategy string
		Options        map[string]any
	}
	Upstream struct {
		IDTokenClaims map[string]any `json:"id_token_claims"`
		Userinfo      any
		Extra         map[string]any
		FormPost      map[string]any `json:"form_post"`
	}
	Expected      map[string]any
	Absent        []string
	ExpectedError struct{ Reason string } `json:"expected_error"`
}

// built lists the strategies that have rows of their own here.
var built = []string{"google-oauth2", "github", "oidc", "auth0", "email", "sms"}

func TestVectors(t *testing.T) {
	folder := os.Getenv("LATCHKEY_VECTORS")
	if folder == "" {
		folder = filepath.Join("testdata", "vectors")
	}
	for _, strategy := range built {
		raw, err := os.ReadFile(filepath.Join(folder, strategy+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var vectors []vector
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&vectors); err != nil {
			t.Fatal(err)
		}
		for _, v := range vectors {
			t.Run(strategy+"/"+v.Name, v.run)
		}
	}
}

func (v vector) input() Input {
	// Whoever signs a person up brings the new person's subject.
	for _, kind := range []string{"signup", "post_users", "passwordless"} {
		if given, ok := v.Upstream.Extra[kind].(map[string]any); ok {
			given["_id"] = "64b5f0a1c2d3e4f5a6b7c8d9"
		}
	}
	return Input{
		Connection: Connection{
			ID: "con_0123456789abcdef", Name: v.Connection.Name, Strategy: v.Connection.Strategy,
			Options: v.Connection.Options,
		},
		IDToken: v.Upstream.IDTokenClaims, Userinfo: v.Upstream.Userinfo, Extra: v.Upstream.Extra,
		FormPost: v.Upstream.FormPost,
	}
}

func (v vector) run(t *testing.T) {
	p, err := Map(v.input())
	if reason := v.ExpectedError.Reason; reason != "" {
		want := map[string]error{"missing_subject": ErrMissingSubject, "subject_mismatch": ErrSubjectMismatch}[reason]
		if want == nil || !errors.Is(err, want) {
			t.Fatalf("error %v, want %s", err, reason)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := stored(p, v.Connection.Strategy == "auth0")
	for _, problem := range match("user", got, v.Expected) {
		t.Error(problem)
	}
	for _, key := range v.Absent {
		if _, there := got[key]; there {
			t.Errorf("%s is there: %v", key, got[key])
		}
	}
}

// stored is the profile as it would stand in the store after the first login.
func stored(p Profile, database bool) map[string]any {
	user := map[string]any{}
	for key, v := range p.Root {
		if a, ok := Lookup(key); v == nil && ok && a.Writers != ByIdP {
			continue
		}
		user[key] = v
	}
	for key, v := range Generate(user, Hints{Handle: p.Handle, Subject: p.SubjectText, Database: database}) {
		user[key] = v
	}
	user["user_id"] = p.UserID
	user["identities"] = []any{map[string]any{
		"provider": p.Provider, "user_id": p.Subject, "connection": p.Connection,
		"isSocial": p.IsSocial,
	}}
	user["created_at"] = FormatTime(time.Unix(1700000000, 0))
	user["logins_count"] = json.Number("1")
	if p.UserMetadata != nil {
		user["user_metadata"] = p.UserMetadata
	}
	if p.AppMetadata != nil {
		user["app_metadata"] = p.AppMetadata
	}
	return user
}

// match compares a value with an expectation and returns the differences. Objects match as subsets.
func match(path string, got, want any) []string {
	switch w := want.(type) {
	case map[string]any:
		if len(w) == 1 {
			for key, arg := range w {
				if m, ok := matchers()[key]; ok {
					return m(path, got, arg)
				}
			}
		}
		return matchObject(path, got, w)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
		}
		var problems []string
		for i := range w {
			problems = append(problems, match(fmt.Sprintf("%s[%d]", path, i), g[i], w[i])...)
		}
		return problems
	}
	if !reflect.DeepEqual(got, want) {
		return []string{fmt.Sprintf("%s: got %#v, want %#v", path, got, want)}
	}
	return nil
}

func matchObject(path string, got any, want map[string]any) []string {
	g, ok := got.(map[string]any)
	if !ok || len(want) == 0 && len(g) > 0 {
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		v, there := g[key]
		if !there && !toleratesAbsence(want[key]) {
			problems = append(problems, path+"."+key+" is missing")
			continue
		}
		if there {
			problems = append(problems, match(path+"."+key, v, want[key])...)
		}
	}
	return problems
}

func toleratesAbsence(want any) bool {
	m, ok := want.(map[string]any)
	if !ok || len(m) != 1 {
		return false
	}
	for key := range m {
		return key == "$not" || key == "$absent" || key == "$absent_or"
	}
	return false
}

func matchers() map[string]func(path string, got, arg any) []string {
	complain := func(ok bool, path string, got, want any) []string {
		if ok {
			return nil
		}
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	return map[string]func(string, any, any) []string{
		"$regex": func(path string, got, arg any) []string {
			s, ok := got.(string)
			return complain(ok && regexp.MustCompile(arg.(string)).MatchString(s), path, got, arg)
		},
		"$not": func(path string, got, arg any) []string {
			return complain(len(match(path, got, arg)) > 0, path, got, "not that")
		},
		"$absent": func(path string, got, arg any) []string { return complain(false, path, got, "nothing") },
		"$gravatar": func(path string, got, arg any) []string {
			a := arg.(map[string]any)
			s, _ := got.(string)
			ok := strings.HasPrefix(s, fmt.Sprintf("https://s.gravatar.com/avatar/%v?s=480&r=pg&d=", a["md5"])) &&
				strings.HasSuffix(s, fmt.Sprintf("%%2F%v.png", a["initials"]))
			return complain(ok, path, got, arg)
		},
		"$avatar": func(path string, got, arg any) []string {
			s, _ := got.(string)
			return complain(strings.HasSuffix(s, fmt.Sprintf("/%v.png", arg)), path, got, arg)
		},
	}
}
