package tenant_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/tenant"
)

var update = flag.Bool("update", false, "write what the tests got into testdata")

const issuer = "https://id.test/"

func shopEnv(key string) (string, bool) {
	value, ok := map[string]string{
		"CALLBACKS":     `["https://shop.test/cb", "https://*.shop.test/cb"]`,
		"OFFICE_SECRET": `quote " and #`,
		"GITHUB_SECRET": "gh-secret-0123456789",
		"ISSUER":        issuer,
		"LEGACY_PREFIX": "old|",
	}[key]
	return value, ok
}

func shop(t *testing.T) *tenant.File {
	t.Helper()
	file, err := tenant.ParseFile("testdata/shop.yaml", shopEnv)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func plan(t *testing.T, current *tenant.Config, file *tenant.File) (*tenant.Config, []tenant.Change) {
	t.Helper()
	next, changes, err := tenant.Plan(current, file, tenant.ApplyOptions{Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	return next, changes
}

func parse(t *testing.T, text string) *tenant.File {
	t.Helper()
	file, err := tenant.Parse("t.yaml", []byte(text), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func lines[T interface{ String() string }](list []T) string {
	var out strings.Builder
	for _, v := range list {
		out.WriteString(v.String() + "\n")
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestEveryMistakeIsToldAtOnceWithItsPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := tenant.ParseFile(path, noEnv)
			if err == nil {
				current := &tenant.Config{
					Connections: map[string]*tenant.Connection{"con_1": {ID: "con_1", Name: "people", Strategy: "auth0"}},
					Clients: map[string]*tenant.Client{
						"d1": {ID: "d1", Name: "Double"}, "d2": {ID: "d2", Name: "Double"},
					},
				}
				_, _, err = tenant.Plan(current, file, tenant.ApplyOptions{
					Issuer: issuer, Strategies: map[string]bool{"auth0": true, "github": true},
				})
			}
			if _, ok := errors.AsType[*tenant.FileError](err); !ok {
				t.Fatalf("got %v, want a FileError", err)
			}
			golden(t, strings.TrimSuffix(filepath.Base(path), ".yaml")+".txt", strings.ReplaceAll(err.Error(), "testdata/", "")+"\n")
		})
	}
}

func TestSectionsThatAreNotActedUponAreNamed(t *testing.T) {
	if diff := cmp.Diff([]string{"actions", "newThing", "rules"}, shop(t).Ignored); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsBrandingAndUnknownKeysArrive(t *testing.T) {
	next, _ := plan(t, &tenant.Config{}, shop(t))
	s := next.Settings
	if s.FriendlyName != "The shop" || s.SessionLifetime != 0.5 || s.Branding.Colors.Primary != "#ff8800" ||
		s.ErrorPage == nil || s.ErrorPage.HTML != "<!doctype html><title>Error</title>\n" {
		t.Errorf("settings: %+v", s)
	}
	want := map[string]any{"session_cookie": map[string]any{"mode": "persistent"}}
	if diff := cmp.Diff(want, s.Rest); diff != "" {
		t.Error(diff)
	}
	wantRest := map[string]any{
		"jwt_configuration": map[string]any{"scopes": map[string]any{}},
		"mobile":            map[string]any{"ios": map[string]any{"team_id": "9", "port": json.Number("12345678901234567890")}},
	}
	if diff := cmp.Diff(wantRest, next.ClientByName("Shop").Rest); diff != "" {
		t.Error(diff)
	}
}

func TestKeywordsAndFilesAreReplaced(t *testing.T) {
	file := shop(t)
	next, _ := plan(t, &tenant.Config{}, file)
	if diff := cmp.Diff([]string{"https://shop.test/cb", "https://*.shop.test/cb"}, next.ClientByName("Shop").Callbacks); diff != "" {
		t.Error(diff)
	}
	if got := next.Clients["back-office"].Secret; got != `quote " and #` {
		t.Errorf("secret %q", got)
	}
	login, _ := next.ConnectionByName("people").Map("customScripts")["login"].(string)
	if !strings.Contains(login, `"old|" + email`) || !strings.Contains(login, "##ANYTHING##") {
		t.Errorf("script %q", login)
	}
	if got := next.ConnectionByName("github").String("ratio"); got != "0.10" {
		t.Errorf("ratio %q: digits must stay", got)
	}
	want := tenant.SeedUser{Connection: "people", Password: "Passw0rd!x", Profile: map[string]any{
		"email": "ann@shop.test",
		"user_metadata": map[string]any{
			"points": json.Number("12345678901234567890"), "script": "./databases/people/login.js",
		},
	}}
	got := file.Users[0]
	if got.Connection != want.Connection || got.Password != want.Password || !cmp.Equal(want.Profile, got.Profile) {
		t.Errorf("user %+v", got)
	}
}

func TestPlacesSurviveValuesOfManyLines(t *testing.T) {
	env := func(string) (string, bool) { return "[1,\n2,\n3]", true }
	_, err := tenant.Parse("t.yaml", []byte("x: ##LIST##\ntenant:\n  friendly_name: 7\n"), nil, env)
	if err == nil || err.Error() != "t.yaml:3:18: friendly_name: expected text, got a number" {
		t.Errorf("got %v", err)
	}
}

func TestFilesOutsideOfTheDirectoryAreNeverRead(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.js")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(dir, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(inside, "link.js")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	for _, name := range []string{"../secret.js", "./link.js", "./x/../../secret.js"} {
		path := filepath.Join(inside, "t.yaml")
		text := "connections:\n  - {name: a, strategy: oauth2, options: {script: " + name + "}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tenant.ParseFile(path, noEnv); err == nil || !strings.Contains(err.Error(), "outside of the tenant file's directory") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTextsThatOnlyLookLikeFilesStay(t *testing.T) {
	files := fstest.MapFS{"there.js": {Data: []byte("code")}}
	for text, want := range map[string]string{
		"https://cdn.test/there.js": "https://cdn.test/there.js",
		"/there.js":                 "/there.js",
		"not-there.js":              "not-there.js",
		"there.js":                  "code",
		"./there.js":                "code",
		"./a label":                 "./a label",
	} {
		file, err := tenant.Parse("t.yaml", []byte("connections: [{name: a, strategy: x, options: {v: '"+text+"'}}]"), files, noEnv)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := file.Connections[0].Value.String("v"); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestAliasesCannotGrowWithoutEnd(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		prev := "*a" + string(rune('0'+i-1))
		text += "a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.TrimSuffix(strings.Repeat(prev+", ", 10), ", ") + "]\n"
	}
	if _, err := tenant.Parse("t.yaml", []byte(text), nil, noEnv); err == nil || !strings.Contains(err.Error(), "more than 1000000 values") {
		t.Errorf("got %v", err)
	}
	if _, err := tenant.Parse("t.yaml", []byte(strings.Repeat("[", 1e6)), nil, noEnv); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("got %v", err)
	}
}

func TestMessagesNeverShowSecrets(t *testing.T) {
	env := func(string) (string, bool) { return "hush-hush", true }
	_, err := tenant.Parse("t.yaml", []byte("clients:\n  - name: a\n    client_id: ##S## !\n    client_secret: [##S##]\n    callbacks: [##S##]\n"), nil, env)
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
