package normalize

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/vectors"
)

// vector is one first login, or sign-up, on an empty store.
type vector struct {
	Name          string
	Connection    vectors.Connection
	Upstream      vectors.Upstream
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
		for _, v := range vectors.Load[vector](t, filepath.Join(folder, strategy+".json")) {
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
	vectors.Check(t, "user", got, v.Expected)
	vectors.CheckAbsent(t, "user", got, v.Absent)
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
