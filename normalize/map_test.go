package normalize

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/vectors"
)

func connection(strategy string) Connection {
	return Connection{ID: "con_1", Name: "conn", Strategy: strategy, Options: map[string]any{}}
}

func TestWhoThePersonIs(t *testing.T) {
	for _, c := range []struct {
		name, strategy, idToken, userinfo string
		userID                            string
		subject                           any
		err                               error
	}{
		{"a number stays one", "github", "", `{"id":9007199254740993}`, "github|9007199254740993", json.Number("9007199254740993"), nil},
		{"a number at a scoped connection is text", "oauth2", "", `{"sub":17}`, "oauth2|conn|17", "conn|17", nil},
		{"a subject may have pipes", "oidc", `{"sub":"a|b|c"}`, "null", "oidc|conn|a|b|c", "conn|a|b|c", nil},
		{"an unknown social provider", "yahoo", "", `{"sub":"x"}`, "yahoo|x", "x", nil},
		{"an unknown enterprise provider", "okta", `{"sub":"x"}`, "", "okta|conn|x", "conn|x", nil},
		{"userinfo without a subject isn't used", "oidc", `{"sub":"x"}`, `{"email":"a@example.com"}`, "oidc|conn|x", "conn|x", nil},
		{"nothing", "github", "", "null", "", nil, ErrMissingSubject},
		{"an empty object", "google-oauth2", "", "{}", "", nil, ErrMissingSubject},
		{"not an object", "google-oauth2", "", `["x"]`, "", nil, ErrMissingSubject},
		{"an empty subject", "google-oauth2", "", `{"sub":""}`, "", nil, ErrMissingSubject},
		{"a blank subject", "google-oauth2", "", `{"sub":" \t"}`, "", nil, ErrMissingSubject},
		{"an exponent", "github", "", `{"id":1e3}`, "", nil, ErrMissingSubject},
		{"a fraction", "github", "", `{"id":1.5}`, "", nil, ErrMissingSubject},
		{"zero", "github", "", `{"id":0}`, "", nil, ErrMissingSubject},
		{"an object as subject", "github", "", `{"id":{"a":1}}`, "", nil, ErrMissingSubject},
		{"two subjects", "google-oauth2", `{"sub":"a"}`, `{"sub":"b"}`, "", nil, ErrSubjectMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := Input{Connection: connection(c.strategy)}
			if c.idToken != "" {
				in.IDToken = vectors.Parse(t, c.idToken).(map[string]any)
			}
			if c.userinfo != "" {
				in.Userinfo = vectors.Parse(t, c.userinfo)
			}
			p, err := Map(in)
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if p.UserID != c.userID || p.Subject != c.subject {
				t.Errorf("got %q and %#v, want %q and %#v", p.UserID, p.Subject, c.userID, c.subject)
			}
			if _, there := p.Root["email"]; there {
				t.Error("took an address that nobody vouched for")
			}
		})
	}
}

func TestWhatBecomesOfClaims(t *testing.T) {
	for _, c := range []struct {
		name, idToken, userinfo string
		want                    string
		warnings                int
	}{
		{"verified as text", `{"sub":"a","email":"a@example.com","email_verified":"true"}`, "", `{"email":"a@example.com","email_verified":true}`, 0},
		{"verified as a number", `{"sub":"a","email":"a@example.com","email_verified":1}`, "", `{"email":"a@example.com","email_verified":true}`, 0},
		{"verified as nonsense", `{"sub":"a","email":"a@example.com","email_verified":"yes"}`, "", `{"email":"a@example.com","email_verified":false}`, 0},
		{"verified without an address", `{"sub":"a","email_verified":true}`, "", `{}`, 0},
		{"verified with a null address", `{"sub":"a","email":null,"email_verified":true}`, "", `{"email":null,"email_verified":false}`, 0},
		{
			"one source's flag doesn't verify another's address", `{"sub":"a","email":"a@example.com","email_verified":true}`,
			`{"sub":"a","email":"b@example.com"}`, `{"email":"b@example.com","email_verified":false}`, 0,
		},
		{
			"the same address in both sources", `{"sub":"a","email":"a@example.com","email_verified":true}`,
			`{"sub":"a","email":"a@example.com"}`, `{"email":"a@example.com","email_verified":true}`, 0,
		},
		{"blank means none", `{"sub":"a","name":" ","nickname":null,"picture":""}`, "", `{"name":null,"nickname":null,"picture":null}`, 0},
		{"wrong types are dropped", `{"sub":"a","name":{"x":1},"given_name":7,"email":"nobody","picture":"javascript:alert(1)"}`, "", `{}`, 4},
		{"tokens and protocol claims are dropped", `{"sub":"a","access_token":"x","iss":"x","at_hash":"y","sip_from_tag":"z","groups":["g"]}`, "", `{}`, 0},
		{"reserved keys are dropped with a warning", `{"sub":"a","blocked":true,"_id":"x","tenant":"t"}`, "", `{}`, 3},
		{"everything else is kept", `{"sub":"a","https://x.example/dept":{"n":1.10},"hd":null}`, "", `{"https://x.example/dept":{"n":1.10},"hd":null}`, 0},
		{"phone", `{"sub":"a","phone_number":"+1 555","phone_number_verified":"1"}`, "", `{"phone_number":"+1 555","phone_verified":true}`, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := Input{Connection: connection("google-oauth2"), IDToken: vectors.Parse(t, c.idToken).(map[string]any)}
			if c.userinfo != "" {
				in.Userinfo = vectors.Parse(t, c.userinfo)
			}
			p, err := Map(in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(vectors.Parse(t, c.want), any(p.Root)); d != "" {
				t.Errorf("root (-want +got):\n%s", d)
			}
			if len(p.Warnings) != c.warnings {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
}

func TestGitHubAddresses(t *testing.T) {
	const call = "GET https://api.github.com/user/emails"
	for _, c := range []struct {
		name, public, pages string
		email               any
		verified            any
	}{
		{"a verified primary one on the second page", `"p@example.com"`, `{"` + call + `?page=1":[{"email":"o@example.com","verified":true}],
			"` + call + `?page=2":[{"email":"a@example.com","verified":true,"primary":true}]}`, "a@example.com", true},
		{"an unverified primary one before a verified other", `null`, `{"` + call + `":[{"email":"o@example.com","verified":true},
			{"email":"a@example.com","verified":false,"primary":true}]}`, "a@example.com", false},
		{
			"any verified one", `null`, `{"` + call + `":[{"email":"n@example.com","verified":false},{"email":"o@example.com","verified":true}]}`,
			"o@example.com", true,
		},
		{"only the public one", `"p@example.com"`, `{"` + call + `":{"$status":404}}`, "p@example.com", false},
		{"none", `null`, `{"` + call + `":[null,7,{"email":""}]}`, nil, nil},
		{"another address that only looks like the call", `null`, `{"` + call + `X":[{"email":"a@example.com","primary":true}]}`, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Map(Input{
				Connection: connection("github"), Extra: vectors.Parse(t, c.pages).(map[string]any),
				Userinfo: vectors.Parse(t, `{"id":1,"login":"l","email_verified":true,"email":`+c.public+`}`),
			})
			if err != nil {
				t.Fatal(err)
			}
			if p.Root["email"] != c.email || p.Root["email_verified"] != c.verified {
				t.Errorf("got %v, %v", p.Root["email"], p.Root["email_verified"])
			}
		})
	}
}

func TestAttributeMap(t *testing.T) {
	options := vectors.Parse(t, `{"attribute_map":{"mapping_mode":"use_map","attributes":{
		"name":"${context.userinfo.first} ${context.userinfo.last}","teams":"${context.tokenset.groups}",
		"city":"${context.userinfo.address.city}","url":"${context.userinfo.https://x.example/a.b}","list":"g: ${context.tokenset.groups}",
		"n":"${context.userinfo.n}","text":"${context.connection.strategy}/${context.connection.id}/${context.userinfo.n}",
		"gone":"${context.userinfo.nothing}","open":"${context","number":12,"user_id":"auth0|admin","groups":"${context.tokenset.groups}",
		"email":"${context.userinfo.mail}","bad":"${process.env.HOME}"}}}`).(map[string]any)
	in := Input{
		Connection: connection("oidc"), IDToken: vectors.Parse(t, `{"sub":"s","groups":["a","b"],"email_verified":true}`).(map[string]any),
		Userinfo: vectors.Parse(t, `{"sub":"s","first":"Jo","last":"March","address":{"city":"Concord"},"https://x.example/a.b":true,"n":1.50,"mail":"jo@example.com"}`),
	}
	in.Connection.Options = options
	p, err := Map(in)
	if err != nil {
		t.Fatal(err)
	}
	want := vectors.Parse(t, `{"name":"Jo March","teams":["a","b"],"city":"Concord","url":true,"list":"g: [\"a\",\"b\"]","n":1.50,
		"text":"oidc/con_1/1.50","open":"${context","number":12,"email":"jo@example.com","email_verified":false}`)
	if d := cmp.Diff(want, any(p.Root)); d != "" {
		t.Errorf("root (-want +got):\n%s", d)
	}
	if len(p.Warnings) != 3 {
		t.Errorf("warnings %q", p.Warnings)
	}
	if p.Fields["teams"] != "id_token.groups" || p.Fields["name"] != "attribute_map.name" {
		t.Errorf("fields %v", p.Fields)
	}
}

func TestDeniedAttributesServeOnlyThisLogin(t *testing.T) {
	in := Input{Connection: connection("github"), Userinfo: vectors.Parse(t, `{"id":1,"login":"l","email":"a@example.com","bio":"b","name":"N"}`)}
	in.Connection.Options["non_persistent_attrs"] = []any{"login", "email", "bio"}
	p, err := Map(in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"name": "N"}, p.Root); d != "" {
		t.Errorf("root (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]any{"nickname": "l", "email": "a@example.com", "email_verified": false, "bio": "b"}, p.Transient); d != "" {
		t.Errorf("transient (-want +got):\n%s", d)
	}
	if p.Handle != "" {
		t.Errorf("handle %q", p.Handle)
	}
}

func TestSizes(t *testing.T) {
	profile := func(n int) Input {
		return Input{Connection: connection("google-oauth2"), Userinfo: map[string]any{"sub": "1", "x": strings.Repeat("x", n)}}
	}
	if _, err := Map(profile(maxProfile)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	p, err := Map(profile(warnProfile))
	if err != nil || len(p.Warnings) != 1 {
		t.Errorf("got %q, %v", p.Warnings, err)
	}
	copied := profile(maxProfile / 2)
	copied.Connection.Strategy = "oidc"
	copied.Connection.Options = vectors.Parse(t, `{"attribute_map":{"mapping_mode":"use_map","attributes":{"a":"${context.userinfo.x}",
		"b":"${context.userinfo.x}","c":"${context.userinfo.x}"}}}`).(map[string]any)
	if _, err := Map(copied); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a map that multiplies: error %v", err)
	}
}

func TestOnlyExactJSONIsTaken(t *testing.T) {
	for name, v := range map[string]any{
		"a float": 1.5, "a Go number": 7, "a Go slice": []string{"a"},
		"a malformed number": json.Number("0x1"), "an empty number": json.Number(""), "nested": []any{map[string]any{"a": 1.5}},
	} {
		if _, err := Map(Input{Connection: connection("google-oauth2"), Userinfo: map[string]any{"sub": "1", "x": v}}); !errors.Is(err, ErrNotJSON) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	for _, c := range []struct {
		name string
		root map[string]any
		h    Hints
		want map[string]string
	}{
		{
			"from the parts of a name",
			map[string]any{"given_name": "Ann", "family_name": "Lee", "phone_number": "+1"},
			Hints{Subject: "s"},
			map[string]string{"name": "Ann Lee", "nickname": "Ann Lee", "picture": DefaultAvatarBase + "/al.png"},
		},
		{
			"from the handle",
			map[string]any{"email": "x@example.com", "picture": "p"},
			Hints{Handle: "octo"},
			map[string]string{"name": "octo", "nickname": "octo"},
		},
		{
			"a database name is the address",
			map[string]any{"email": "x@example.com", "given_name": "A", "family_name": "B", "picture": "p"},
			Hints{Database: true},
			map[string]string{"name": "x@example.com", "nickname": "x"},
		},
		{
			"a database name is the username",
			map[string]any{"username": "neo", "picture": "p"},
			Hints{Database: true},
			map[string]string{"name": "neo", "nickname": "neo"},
		},
		{
			"from the subject",
			map[string]any{"name": " "},
			Hints{Subject: "s", AvatarBase: "https://x.example/a/"},
			map[string]string{"name": "s", "nickname": "s", "picture": "https://x.example/a/s.png"},
		},
		{
			"initials of three words",
			map[string]any{"name": "Żaneta von Ost", "nickname": "z"},
			Hints{},
			map[string]string{"picture": DefaultAvatarBase + "/%C5%BCo.png"},
		},
		{"nothing to do", map[string]any{"name": "n", "nickname": "n", "picture": "p"}, Hints{}, map[string]string{}},
	} {
		if got := Generate(c.root, c.h); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s", c.name, cmp.Diff(c.want, got))
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		attribute string
		value     any
		want      string
	}{
		{"name", "x", ""},
		{"name", []any{}, "Expected type string but found type array"},
		{"name", nil, "Expected type string but found type null"},
		{"name", "", "String is too short (0 chars), minimum 1"},
		{"given_name", strings.Repeat("ü", 150), ""},
		{"given_name", strings.Repeat("x", 151), "String is too long (151 chars), maximum 150"},
		{"email_verified", "true", "Expected type boolean but found type string"},
		{"email", "a@b", ""},
		{"email", strings.Repeat("x", 65) + "@b", "Object didn't pass validation for format email: " + strings.Repeat("x", 65) + "@b"},
		{"email", "a b@c", "Object didn't pass validation for format email: a b@c"},
		{"picture", "/p.png", "Object didn't pass validation for format strict-uri: /p.png"},
		{"picture", "https://x.example/ä.png", ""},
		{"phone_number", "+15550100", ""},
		{"phone_number", "15550100", `String does not match pattern ^\+[0-9]{1,15}$`},
		{"username", "neo_1", ""},
		{"username", "neo@example.com", "Object didn't pass validation for format username: neo@example.com"},
		{"username", "n(o", "String does not match pattern " + usernamePattern},
	} {
		a, ok := Lookup(c.attribute)
		if !ok {
			t.Fatalf("no attribute %s", c.attribute)
		}
		got := ""
		if err := a.Check(c.value); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %v: %q, want %q", c.attribute, c.value, got, c.want)
		}
	}
}

func TestTheTableIsConsistent(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Attributes() {
		if seen[a.Name] || Reserved(a.Name) || isRestrictedClaim(a.Name) {
			t.Errorf("%s: twice, reserved or restricted", a.Name)
		}
		seen[a.Name] = true
		if a.Patchable && (a.Description == "" || !a.WrittenBy(ByManagement)) || a.Upsertable && !a.Importable {
			t.Errorf("%s: the flags contradict each other", a.Name)
		}
	}
}

// FuzzMap: whatever a provider says, the person is who the subject says, and our own fields stay ours.
func FuzzMap(f *testing.F) {
	f.Add("google-oauth2", `{"sub":"1","email":"a@example.com","email_verified":"true","user_id":"auth0|x"}`, `{}`)
	f.Add("github", `{"id":7,"login":"l","avatar_url":"https://x"}`, `{"GET https://api.github.com/user/emails":[{"email":"a@b","primary":true}]}`)
	f.Add("oidc", `{"sub":"1","app_metadata":{},"groups":[1],"name":7}`, `{"passwordless":{"_id":"1"}}`)
	f.Add("auth0", `null`, `{"signup":{"_id":"1","email":"A@b","user_metadata":{"a":"b"}}}`)
	f.Fuzz(func(t *testing.T, strategy, userinfo, extra string) {
		parse := func(text string) (v any, err error) {
			dec := json.NewDecoder(strings.NewReader(text))
			dec.UseNumber()
			err = dec.Decode(&v)
			return v, err
		}
		in := Input{Connection: connection(strategy)}
		var more any
		var err error
		if in.Userinfo, err = parse(userinfo); err != nil {
			return
		}
		if more, err = parse(extra); err != nil {
			return
		}
		in.Extra, _ = more.(map[string]any)
		p, err := Map(in)
		again, errAgain := Map(in)
		if (err == nil) != (errAgain == nil) || !reflect.DeepEqual(p, again) {
			t.Fatalf("two answers to one question: %s", cmp.Diff(p, again))
		}
		if err != nil {
			return
		}
		if p.SubjectText == "" || p.UserID != strategy+"|"+p.SubjectText {
			t.Errorf("identity %q, %q", p.UserID, p.SubjectText)
		}
		for key := range p.Root {
			if Reserved(key) {
				t.Errorf("%s is at the root", key)
			}
			if _, told := p.Fields[key]; !told {
				t.Errorf("%s has no field", key)
			}
		}
		if p.Root["email"] == nil && p.Root["email_verified"] == true {
			t.Error("verified without an address")
		}
		if _, err := json.Marshal(p); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkMapGitHub(b *testing.B) {
	in := Input{
		Connection: connection("github"), Userinfo: vectors.Parse(b, `{"login":"octomona","id":9201022,"node_id":"MDQ6VXNlcjkyMDEwMjI=",
		"avatar_url":"https://avatars.githubusercontent.com/u/9201022?v=4","gravatar_id":"","url":"https://api.github.com/users/octomona",
		"html_url":"https://github.com/octomona","followers_url":"https://api.github.com/users/octomona/followers",
		"following_url":"https://api.github.com/users/octomona/following{/other_user}","gists_url":"https://api.github.com/users/octomona/gists",
		"starred_url":"https://api.github.com/users/octomona/starred","subscriptions_url":"https://api.github.com/users/octomona/subscriptions",
		"organizations_url":"https://api.github.com/users/octomona/orgs","repos_url":"https://api.github.com/users/octomona/repos",
		"events_url":"https://api.github.com/users/octomona/events","received_events_url":"https://api.github.com/users/octomona/received_events",
		"type":"User","site_admin":false,"name":"Mona Octo","company":null,"blog":null,"location":"Utrecht","email":"public@example.com",
		"hireable":false,"bio":null,"twitter_username":null,"public_repos":14,"public_gists":0,"followers":16,"following":0,
		"created_at":"2010-02-10T12:50:51Z","updated_at":"2024-06-01T08:00:00Z","plan":{"name":"free","space":976562499,"private_repos":10000}}`),
		Extra: vectors.Parse(b, `{"GET https://api.github.com/user/emails":[{"email":"mona@example.com","primary":true,"verified":true,"visibility":"private"}]}`).(map[string]any),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Map(in); err != nil {
			b.Fatal(err)
		}
	}
}
