package views

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProvidersFoldWhenThereAreMany(t *testing.T) {
	names := func(ps []Provider) []string {
		var out []string
		for _, p := range ps {
			out = append(out, p.Name)
		}
		return out
	}
	six := LoginPage{Providers: providers("A", "B", "C", "D", "E", "F")}
	if len(six.Shown()) != 6 || len(six.Folded()) != 0 {
		t.Errorf("six: %v and %v", names(six.Shown()), names(six.Folded()))
	}
	eight := providers("A", "B", "C", "D", "E", "F", "G", "H")
	eight[7].LastUsed = true
	p := SignupPage{Providers: eight}
	if diff := cmp.Diff([]string{"H", "A", "B", "C", "D", "E"}, names(p.Shown())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"F", "G"}, names(p.Folded())); diff != "" {
		t.Error(diff)
	}
	if eight[0].Name != "A" {
		t.Error("the caller's list was reordered")
	}
}

func TestPasswordsNeverComeBack(t *testing.T) {
	v := newViews(t)
	value := regexp.MustCompile(`<input type="password"[^>]* value=`)
	for _, s := range states() {
		if value.MatchString(drawn(t, v, s)) {
			t.Errorf("%s fills in a password", s.name)
		}
	}
}

func TestFocusGoesWhereThePersonGoesOn(t *testing.T) {
	if got := (SignupPage{}).Focus(); got != "email" {
		t.Errorf("a fresh page: %q", got)
	}
	wrong := SignupPage{PasswordError: "weak", Fields: []Field{{Name: "a", Error: "x"}}, UsernameError: "not asked"}
	if got := wrong.Focus(); got != "password" {
		t.Errorf("a weak password: %q", got)
	}
	if got := (FieldsPage{Fields: []Field{{Name: "h", Type: FieldHidden}, {Name: "a"}}}).Focus(); got != "field-a" {
		t.Errorf("fields: %q", got)
	}
	if got := (FieldsPage{Fields: []Field{{Name: "h", Type: FieldHidden, Error: "x"}}}).Focus(); got != "" {
		t.Errorf("hidden fields only: %q", got)
	}
	page := FieldsPage{Fields: []Field{{Name: "a"}, {Name: "b", Error: "x"}}}
	var out bytes.Buffer
	if err := newViews(t).Fields(&out, page); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "autofocus"); n != 1 || !regexp.MustCompile(`id="field-b"[^>]* autofocus`).MatchString(out.String()) {
		t.Errorf("%d inputs want the focus, or the wrong one: %s", n, out.String())
	}
}

func TestFieldsOfferWhatTheBrowserKnows(t *testing.T) {
	for want, f := range map[string]Field{
		"given-name":     {Name: "given_name"},
		"tel":            {Name: "phone_number"},
		"street-address": {Name: "address", Autocomplete: "street-address"},
		"":               {Name: "favourite_colour"},
	} {
		if got := f.Token(); got != want {
			t.Errorf("%s: got %q, want %q", f.Name, got, want)
		}
	}
}

func TestFieldsNeverStandForThePagesOwnInputs(t *testing.T) {
	names := map[string]bool{
		"favColor": true, "given_name": true, "address1": true, "_x": true,
		"email": false, "username": false, "password": false, "state": false, "_csrf": false,
		"": false, "a b": false, "a-b": false, "ä": false, `"`: false,
	}
	var fields []Field
	for name, ok := range names {
		if got := FieldNameUsable(name); got != ok {
			t.Errorf("%q: got %v", name, got)
		}
		fields = append(fields, Field{Name: name, Type: FieldHidden, Value: "mine"})
	}
	v := newViews(t)
	var signup, after bytes.Buffer
	if err := v.Signup(&signup, SignupPage{Page: testPage(), Fields: fields}); err != nil {
		t.Fatal(err)
	}
	if err := v.Fields(&after, FieldsPage{Page: testPage(), Fields: fields}); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{signup.String(), after.String()} {
		if n := strings.Count(page, `value="mine"`); n != 4 {
			t.Errorf("%d fields are shown, want 4:\n%s", n, page)
		}
	}
}

func TestAssetsHaveNamesThatChangeWithThem(t *testing.T) {
	v := newViews(t)
	css, tag := CSS()
	if v.StyleURL() != "/u/assets/latchkey."+strings.Trim(tag, `"`)+".css" || len(css) == 0 {
		t.Errorf("style sheet at %s with tag %s", v.StyleURL(), tag)
	}
	js, tag := JS()
	if v.ScriptURL() != "/u/assets/latchkey."+strings.Trim(tag, `"`)+".js" || len(js) == 0 {
		t.Errorf("script at %s with tag %s", v.ScriptURL(), tag)
	}
	css[0] = 'X'
	if again, _ := CSS(); again[0] == 'X' {
		t.Error("a caller can change the style sheet")
	}
	moved, err := New(Options{AssetBase: "/login/static/"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(moved.StyleURL(), "/login/static/latchkey.") {
		t.Errorf("style sheet at %s", moved.StyleURL())
	}
}

func TestImagesComeFromTheWebOnly(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://cdn.example.com/a.svg": true,
		"HTTP://cdn.example.com/a.svg":  true,
		"/a.svg":                        true,
		"javascript:alert(1)":           false,
		"data:image/svg+xml,x":          false,
		"https:a.svg":                   false,
		"http://a b":                    false,
	} {
		if got := imageURL(raw); (got == raw) != ok {
			t.Errorf("%q gave %q", raw, got)
		}
	}
}

func TestStyleSheetFollowsTheDirection(t *testing.T) {
	sided := regexp.MustCompile(`(?m)^\s*(?:(?:margin|padding|border)-(?:left|right|top|bottom)|left|right|top|bottom|width|height|(?:min|max)-(?:width|height))\s*:|text-align:\s*(?:left|right)`)
	if found := sided.FindAllString(string(styleSheet), -1); found != nil {
		t.Errorf("sides instead of logical directions: %q", found)
	}
}
