package views

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryLanguageHasEveryText(t *testing.T) {
	c := newViews(t).Catalog()
	placeholders := regexp.MustCompile(`\{[a-z]+\}`)
	for _, lang := range c.Languages() {
		for key, english := range c.texts[fallback] {
			text := c.texts[lang][key]
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: no text %q", lang, key)
				continue
			}
			want, got := placeholders.FindAllString(english, -1), placeholders.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
				t.Errorf("%s: %q has the places %v, English has %v", lang, key, got, want)
			}
		}
		for key := range c.texts[lang] {
			if _, ok := c.texts[fallback][key]; !ok {
				t.Errorf("%s: %q is not in English", lang, key)
			}
		}
	}
}

// usedKeys are all texts that templates, constants and codes name.
func usedKeys(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	call := regexp.MustCompile(`\bt \$?(?:lang|\.Lang) "([^"]+)"`)
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := templateFiles.ReadFile("templates/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
		}
	}
	for _, key := range constantsOf(t, "catalog.go", "Key") {
		used[key] = true
	}
	for _, kind := range constantsOf(t, "ends.go", "ErrorKind") {
		used["error."+kind+".what"] = true
		for _, restart := range []string{"", "/again"} {
			used[string(ErrorPage{Kind: ErrorKind(kind), RestartURL: restart}.nextKey())] = true
		}
	}
	for _, id := range []Identifier{IdentifierEmail, IdentifierUsername, IdentifierEither} {
		used[LoginPage{Identifier: id}.LabelKey()] = true
	}
	for _, code := range []string{"nonEmpty", "lengthAtLeast", "shouldContain", "containsAtLeast", "identicalChars", "lowerCase", "upperCase", "numbers", "specialCharacters"} {
		used["rule."+code] = true
	}
	for _, scope := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		used["scope."+scope] = true
	}
	return used
}

// constantsOf reads the values of a file's string constants of one type.
func constantsOf(t *testing.T, file, typeName string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
			return true
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok {
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, text)
			}
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("%s has no constants of type %s", file, typeName)
	}
	return out
}

func TestEveryTextIsUsedAndEveryUsedTextIsThere(t *testing.T) {
	c := newViews(t).Catalog()
	used := usedKeys(t)
	for key := range used {
		if _, ok := c.texts[fallback][key]; !ok {
			t.Errorf("no text %q", key)
		}
	}
	for key := range c.texts[fallback] {
		if !used[key] {
			t.Errorf("nothing uses %q", key)
		}
	}
}

func TestWordsThatOthersRelyOn(t *testing.T) {
	c := newViews(t).Catalog()
	for key, want := range map[Key]string{
		"login.signup":     "Sign up",
		"login.submit":     "Log in",
		"login.forgot":     "Forgot password?",
		"signup.submit":    "Create account",
		"signup.login":     "Log in",
		TextWrongPassword:  "Wrong email or password.",
		"provider.more":    "More ways to sign in",
		"consent.accept":   "Accept",
		"consent.decline":  "Decline",
		"no such key here": "",
	} {
		if got := c.Text("en", key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if got := c.Text("en", "provider.continue", "provider", "GitHub"); got != "Continue with GitHub" {
		t.Errorf("got %q", got)
	}
}

func TestAMissingTextIsEnglish(t *testing.T) {
	c := &Catalog{texts: map[string]map[string]string{"en": {"a": "yes, {name}"}, "de": {}}}
	if got := c.Text("de", "a", "name", "{name}"); got != "yes, {name}" {
		t.Errorf("got %q", got)
	}
	if got := c.Text("xx", "a", "other", "b"); got != "yes, {name}" {
		t.Errorf("got %q", got)
	}
	if got := c.Text("de", "a", "odd"); got != "" {
		t.Errorf("a name without a value gave %q", got)
	}
	if _, err := c.lookup("de", "missing"); err == nil {
		t.Error("a template may name a text that doesn't exist")
	}
}

func TestMatchChoosesTheLanguage(t *testing.T) {
	c := newViews(t).Catalog()
	for name, row := range map[string]struct {
		preferences, enabled []string
		want                 string
	}{
		"nothing":                       {nil, nil, "en"},
		"ui_locales":                    {[]string{"de-CH fr"}, nil, "de"},
		"ui_locales, second wish":       {[]string{"ja de"}, nil, "de"},
		"browser":                       {[]string{"", "de-AT,de;q=0.9,en;q=0.5"}, nil, "de"},
		"browser prefers English":       {[]string{"en-US,en;q=0.9,de;q=0.1"}, nil, "en"},
		"ui_locales before the browser": {[]string{"en", "de"}, nil, "en"},
		"unknown goes on to the next":   {[]string{"ja", "de"}, nil, "de"},
		"only unknown":                  {[]string{"ja", "ko,zh;q=0.8"}, nil, "en"},
		"garbage":                       {[]string{"%%%", ";;;q=x", "-", "de\x00"}, nil, "en"},
		"too long":                      {[]string{strings.Repeat("de,", 400)}, nil, "en"},
		"enabled has another default":   {[]string{"ja"}, []string{"de", "en"}, "de"},
		"enabled excludes the wish":     {[]string{"de"}, []string{"en"}, "en"},
		"enabled with regions":          {[]string{"de"}, []string{"en", "de-DE"}, "de"},
		"enabled has nothing we speak":  {[]string{"de"}, []string{"ja", "!"}, "de"},
	} {
		if got := c.Match(row.preferences, row.enabled); got != row.want {
			t.Errorf("%s: got %s, want %s", name, got, row.want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	c := newViews(f).Catalog()
	for _, seed := range []string{"", "de", "de-CH fr", "en;q=0.1,de", "*", "x-y-z", "de_DE"} {
		f.Add(seed, "de")
	}
	f.Fuzz(func(t *testing.T, preference, enabled string) {
		if got := c.Match([]string{preference}, []string{enabled}); !c.has(got) {
			t.Errorf("%q and %q gave %q", preference, enabled, got)
		}
	})
}

func TestDirectionFollowsTheLanguage(t *testing.T) {
	got := map[string]string{}
	for _, lang := range []string{"en", "de", "ar", "he", "fa", "ur", "az-Arab"} {
		got[lang] = direction(lang)
	}
	want := map[string]string{"en": "ltr", "de": "ltr", "ar": "rtl", "he": "rtl", "fa": "rtl", "ur": "rtl", "az-Arab": "rtl"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRulesAreWorded(t *testing.T) {
	c := newViews(t).Catalog()
	for want, r := range map[string]Rule{
		"At least 12 characters": {Code: "lengthAtLeast", N: 12},
		"At least one character": {Code: "lengthAtLeast", N: 1},
		"Not your own name":      {Code: "personal", Text: "Not your own name"},
		"":                       {Code: "unheard of"},
	} {
		if got := c.ruleText("en", r); got != want {
			t.Errorf("%+v: got %q, want %q", r, got, want)
		}
	}
}
