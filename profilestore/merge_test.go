package profilestore

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/vectors"
	"github.com/latchkey-id/latchkey/normalize"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 123_456_789, time.UTC)

func mustEqual(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func google(t testing.TB, userinfo map[string]any) normalize.Profile {
	t.Helper()
	claims := map[string]any{"sub": "1001"}
	for key, v := range userinfo {
		claims[key] = v
	}
	p, err := normalize.Map(normalize.Input{
		Connection: normalize.Connection{Name: "google-oauth2", Strategy: "google-oauth2"}, Userinfo: claims,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func social(mode SyncMode) MergeContext {
	return MergeContext{Connection: Connection{Name: "google-oauth2", Kind: KindSocial, Sync: mode}, Now: noon, IP: "192.0.2.1"}
}

func mustMerge(t testing.TB, u *User, p normalize.Profile, m MergeContext) *User {
	t.Helper()
	merged, err := Merge(u, p, m)
	if err != nil {
		t.Fatal(err)
	}
	return merged
}

type values = map[string]any

func TestSecondLogin(t *testing.T) {
	first := values{
		"email": "ann@example.com", "email_verified": true, "name": "Ann Lee", "given_name": "Ann",
		"nickname": "annie", "groups2": []any{"a"},
	}
	for _, c := range []struct {
		name   string
		mode   SyncMode
		second values
		want   values // nil: absent
	}{
		{
			"what the provider doesn't repeat stays", SyncEach,
			values{"email": "ann@example.com", "email_verified": true},
			values{"name": "Ann Lee", "given_name": "Ann", "nickname": "annie", "email_verified": true},
		},
		{
			"a blank name is made anew", SyncEach,
			values{"name": "", "given_name": nil},
			values{"name": "ann@example.com", "given_name": nil, "nickname": "annie"},
		},
		{"other attributes go when the provider stops sending them", SyncEach, values{}, values{"groups2": nil}},
		{"other attributes go in a frozen profile too", SyncFirst, values{}, values{"groups2": nil, "name": "Ann Lee"}},
		{
			"an e-mail address that is gone takes its flag along", SyncEach,
			values{"email": nil},
			values{"email": nil, "email_verified": nil},
		},
		{
			"a flag follows the provider", SyncEach,
			values{"email": "ann@example.com", "email_verified": false},
			values{"email_verified": false},
		},
		{
			"frozen: an unchanged address keeps its flag", SyncFirst,
			values{"email": "ann@example.com", "email_verified": false},
			values{"email_verified": true},
		},
		{
			"frozen: a new address comes with its own flag", SyncNever,
			values{"email": "a2@example.com", "name": "Other"},
			values{"email": "a2@example.com", "email_verified": false, "name": "Ann Lee"},
		},
		{"frozen: an address isn't lost", SyncFirst, values{"email": nil}, values{"email": "ann@example.com"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := mustMerge(t, nil, google(t, first), social(SyncEach))
			got := mustMerge(t, u, google(t, c.second), social(c.mode))
			for key, want := range c.want {
				mustEqual(t, key, want, got.Root[key])
				if _, there := got.Root[key]; want == nil && there {
					t.Errorf("%s is there", key)
				}
			}
		})
	}
}

func TestGeneratedValuesFollowTheirInputs(t *testing.T) {
	u := mustMerge(t, nil, google(t, values{"email": "ann@example.com", "name": "Ann Lee"}), social(SyncEach))
	mustEqual(t, "nickname", any("ann"), u.Root["nickname"])
	u = mustMerge(t, u, google(t, values{"email": "ann.smith@example.com", "name": "Ann Smith"}), social(SyncEach))
	mustEqual(t, "nickname", any("ann.smith"), u.Root["nickname"])
	mustEqual(t, "source", SourceGenerated, u.Provenance["nickname"].Source)
	frozen := mustMerge(t, u, google(t, values{"email": "third@example.com"}), social(SyncFirst))
	mustEqual(t, "frozen nickname", any("ann.smith"), frozen.Root["nickname"])
}

func TestProvenanceTellsWhoGaveAnAttribute(t *testing.T) {
	u := mustMerge(t, nil, google(t, values{"name": "Ann", "locale": "en"}), social(SyncEach))
	at := noon.Truncate(time.Millisecond)
	want := map[string]Provenance{
		"name":     {Source: SourceIdP, Identity: "google-oauth2|1001", Field: "userinfo.name", At: at, OwnedByIdP: true},
		"locale":   {Source: SourceIdP, Identity: "google-oauth2|1001", Field: "userinfo.locale", At: at, OwnedByIdP: true},
		"nickname": {Source: SourceGenerated, At: at, OwnedByIdP: true},
		"picture":  {Source: SourceGenerated, At: at, OwnedByIdP: true},
	}
	mustEqual(t, "provenance", want, u.Provenance)

	later := social(SyncFirst)
	later.Now = noon.Add(time.Hour)
	u = mustMerge(t, u, google(t, values{"name": "Ann B", "locale": "en"}), later)
	if p := u.Provenance["name"]; p.OwnedByIdP || !p.At.Equal(at) {
		t.Errorf("a frozen name: %+v", p)
	}
	if p := u.Provenance["locale"]; !p.At.Equal(at) {
		t.Errorf("an unchanged value was given a new time: %+v", p)
	}
}

func TestSingleAttributesMayHaveTheirOwnMode(t *testing.T) {
	u := mustMerge(t, nil, google(t, values{"name": "Ann", "picture": "https://x.example/1"}), social(SyncEach))
	m := social(SyncEach)
	m.Modes = map[string]SyncMode{"picture": SyncFirst}
	u = mustMerge(t, u, google(t, values{"name": "Bea", "picture": "https://x.example/2"}), m)
	mustEqual(t, "name", any("Bea"), u.Root["name"])
	mustEqual(t, "picture", any("https://x.example/1"), u.Root["picture"])
}

func TestNeverCreatesOnlyWhereProfilesAreKeptHere(t *testing.T) {
	if _, err := Merge(nil, google(t, nil), social(SyncNever)); !errors.Is(err, ErrSignupDisabledBySync) {
		t.Errorf("error %v", err)
	}
	kept := social(SyncNever)
	kept.Connection.Kind = KindDatabase
	if _, err := Merge(nil, google(t, nil), kept); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestAnotherPersonsProfileIsRefused(t *testing.T) {
	u := mustMerge(t, nil, google(t, nil), social(SyncEach))
	p := google(t, nil)
	p.SubjectText = "1002"
	if _, err := Merge(u, p, social(SyncEach)); !errors.Is(err, ErrForeignIdentity) {
		t.Errorf("error %v", err)
	}
}

func TestBlockedUsersAreCounted(t *testing.T) {
	u := mustMerge(t, nil, google(t, nil), social(SyncEach))
	yes := true
	u.Blocked = &yes
	m := social(SyncEach)
	m.Now, m.IP = noon.Add(time.Hour), "192.0.2.9"
	got := mustMerge(t, u, google(t, nil), m)
	if got.LoginsCount != 2 || got.LastIP != "192.0.2.9" || !got.LastLogin.Equal(got.UpdatedAt) || !*got.Blocked {
		t.Errorf("got %+v", got)
	}
}

func TestDeniedAttributesLeaveTheStore(t *testing.T) {
	u := mustMerge(t, nil, google(t, values{"name": "Ann", "given_name": "Ann", "gender": "female"}), social(SyncEach))
	p, err := normalize.Map(normalize.Input{
		Userinfo: values{"sub": "1001", "given_name": "Ann", "gender": "female"},
		Connection: normalize.Connection{
			Name: "google-oauth2", Strategy: "google-oauth2",
			Options: values{"non_persistent_attrs": []any{"given_name", "gender"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := mustMerge(t, u, p, social(SyncEach))
	vectors.CheckAbsent(t, "the user", got.Root, []string{"given_name", "gender"})
	mustEqual(t, "name", any("Ann"), got.Root["name"])
}

func TestPasswordlessLoginsVerifyTheAddress(t *testing.T) {
	u := &User{
		ID: "email|1", Root: values{"email": "pat@example.com", "email_verified": false, "name": "Pat"},
		Identities: []Identity{{Connection: "email", Provider: "email", UserID: "1"}},
	}
	p := normalize.Profile{
		UserID: "email|1", Connection: "email", SubjectText: "1", Subject: "1",
		Root: values{"email": "pat@example.com", "email_verified": true, "name": "x"},
	}
	m := MergeContext{Connection: Connection{Name: "email", Kind: KindEmail}, Now: noon}
	got := mustMerge(t, u, p, m)
	mustEqual(t, "root", values{"email": "pat@example.com", "email_verified": true, "name": "Pat"}, got.Root)
	p.Root["email"] = "other@example.com"
	got = mustMerge(t, u, p, m)
	mustEqual(t, "root", values{"email": "pat@example.com", "email_verified": false, "name": "Pat"}, got.Root)
}

func TestStoredUsersKeepTheirNumbers(t *testing.T) {
	yes, when := true, noon.Truncate(time.Millisecond)
	u := &User{
		ID: "github|9007199254740993", Root: values{"id2": json.Number("9007199254740993"), "blog": nil},
		Identities: []Identity{{
			Connection: "github", Provider: "github", UserID: json.Number("9007199254740993"), IsSocial: true,
			ProfileData: values{"n": json.Number("1.10")}, Raw: &Raw{At: when, Userinfo: json.RawMessage(`{"id":9007199254740993}`)},
			PasswordHash: "$x",
		}},
		UserMetadata: values{"n": json.Number("1e400")}, Blocked: &yes, CreatedAt: when, UpdatedAt: when, LastLogin: &when,
		LoginsCount: 3, Provenance: map[string]Provenance{"blog": {Source: SourceIdP, At: when}},
	}
	raw, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var back User
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	mustEqual(t, "the user", u, &back)
	mustEqual(t, "the copy", u, u.Clone())
	if err := json.Unmarshal([]byte(`{"logins_count":"x"}`), &back); err == nil {
		t.Error("nonsense was read")
	}
}

// FuzzMerge holds any two profiles of one identity to the laws of merging.
func FuzzMerge(f *testing.F) {
	f.Add(`{"name":"Ann","email":"a@example.com","groups":["x"]}`, `{"name":null,"email":"b@example.com"}`, uint8(0))
	f.Add(`{"email":"a@example.com","email_verified":true,"user_metadata":{"a":1}}`, `{"app_metadata":{},"x":{"y":[1]}}`, uint8(1))
	f.Add(`{"picture":"https://x.example/p","blocked":true}`, `{"picture":"","identities":[]}`, uint8(2))
	f.Fuzz(func(t *testing.T, first, second string, n uint8) {
		one, ok1 := fuzzProfile(first)
		two, ok2 := fuzzProfile(second)
		if !ok1 || !ok2 {
			return
		}
		u := mustMerge(t, nil, one, social(SyncEach))
		u.UserMetadata, u.AppMetadata = values{"a": "b"}, values{"c": values{"d": "e"}}
		before := u.Clone()
		m := social([]SyncMode{SyncEach, SyncFirst, SyncNever}[n%3])
		got := mustMerge(t, u, two, m)
		mustEqual(t, "the input", before, u)
		mustEqual(t, "user_metadata", u.UserMetadata, got.UserMetadata)
		mustEqual(t, "app_metadata", u.AppMetadata, got.AppMetadata)
		if got.ID != u.ID || len(got.Identities) != 1 || got.Identities[0].Key() != u.Identities[0].Key() || got.Blocked != nil {
			t.Errorf("the identity changed: %+v", got)
		}
		again := mustMerge(t, got, two, m)
		again.LoginsCount = got.LoginsCount
		mustEqual(t, "the same login once more", got, again)
		for _, key := range []string{"name", "nickname", "picture"} {
			if s, _ := got.Root[key].(string); s == "" {
				t.Errorf("no %s", key)
			}
		}
		for key := range got.Root {
			if _, there := got.Provenance[key]; !there {
				t.Errorf("no provenance of %s", key)
			}
		}
		if len(got.Provenance) != len(got.Root) {
			t.Error("provenance of what isn't there")
		}
	})
}

func fuzzProfile(text string) (normalize.Profile, bool) {
	var u User
	if err := json.Unmarshal([]byte(`{"root":`+text+`}`), &u); err != nil || u.Root == nil {
		return normalize.Profile{}, false
	}
	u.Root["sub"] = "1001"
	p, err := normalize.Map(normalize.Input{
		Userinfo:   u.Root,
		Connection: normalize.Connection{Name: "google-oauth2", Strategy: "google-oauth2"},
	})
	return p, err == nil
}
