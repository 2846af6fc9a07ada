package views

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// attacks are values that end up in pages when an attacker or a careless administrator chose them.
var attacks = []string{
	`"><script>alert(1)</script>`,
	`' onmouseover='alert(1)`,
	`" autofocus onfocus="alert(1)`,
	`</title><script>alert(1)</script>`,
	`</script><script>alert(1)</script>`,
	`<!--`,
	`javascript:alert(1)`,
	` JaVaScRiPt:alert(1)`,
	`data:text/html,<script>alert(1)</script>`,
	`#000000;}body{background:url(//evil.example)}`,
	`{{.CSRF}}`,
	"\u2028alert(1)\u2028",
	"\x00<\x00script>",
}

// poison sets every text inside a struct to the value.
func poison(v reflect.Value, value string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(value)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), value)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		if v.Type().Elem() == v.Type() || v.Type().Elem() == reflect.TypeFor[Rule]() {
			for i := range v.Len() {
				v.Index(i).FieldByName("Text").SetString(value)
				v.Index(i).FieldByName("Code").SetString(value)
			}
			return
		}
		for i := range v.Len() {
			poison(v.Index(i), value)
		}
	}
}

// poisoned draws every page with the value in every text but the nonce, which is ours.
func poisoned(t *testing.T, v *Views, value string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, d := range declarations() {
		data := reflect.New(reflect.TypeOf(d.data)).Elem()
		poison(data, value)
		page := data.FieldByName("Page").Addr().Interface().(*Page)
		page.Nonce, page.Lang, page.Dir = "n0nce", value, value
		page.StyleURL, page.ScriptURL = "", ""
		draw := func(w io.Writer) error {
			switch p := data.Interface().(type) {
			case LoginPage:
				return v.Login(w, p)
			case SignupPage:
				p.Fields = poisonedFields(value)
				return v.Signup(w, p)
			case FieldsPage:
				p.Fields = poisonedFields(value)
				return v.Fields(w, p)
			case ConsentPage:
				return v.Consent(w, p)
			case ErrorPage:
				return v.Error(w, p)
			case MessagePage:
				return v.Message(w, p)
			case LogoutPage:
				return v.LogoutConfirm(w, p)
			case LoggedOutPage:
				return v.LoggedOut(w, p)
			case FormPostPage:
				p.URL = "https://shop.example.com/" + strings.ReplaceAll(value, "\x00", "")
				return v.FormPost(w, p)
			case WebMessagePage:
				p.TargetOrigin, p.Response = "https://shop.example.com", map[string]any{value: value}
				return v.WebMessage(w, p)
			}
			return errors.New("a page that this test doesn't know: " + d.name)
		}
		var buf bytes.Buffer
		if err := draw(&buf); err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		out[d.name] = buf.String()
	}
	return out
}

func poisonedFields(value string) []Field {
	var out []Field
	for i, kind := range []FieldType{FieldText, FieldSelect, FieldCheckbox, FieldHidden, FieldType(value)} {
		f := Field{Name: "f" + strconv.Itoa(i), Label: value, Type: kind, Options: []Option{{value, value}}, Value: value, Pattern: value, Help: value, Error: value, Autocomplete: value}
		out = append(out, f)
	}
	return out
}

func TestNoValueBreaksOutOfItsPlace(t *testing.T) {
	v := newViews(t)
	for name, harmless := range poisoned(t, v, "harmless") {
		want := skeleton(harmless)
		for _, attack := range attacks {
			got := poisoned(t, v, attack)[name]
			if diff := cmp.Diff(want, skeleton(got)); diff != "" {
				t.Errorf("%s with %q has other tags:\n%s", name, attack, diff)
			}
			if strings.Contains(got, "<script>") || regexp.MustCompile(`(?i)(href|src|action)="\s*(javascript|data):`).MatchString(got) {
				t.Errorf("%s with %q has a script of the attacker", name, attack)
			}
		}
	}
}

// skeleton is the order of tags and the names of their attributes. What depends on a brand value being usable is left out.
func skeleton(page string) []string {
	page = scriptBody.ReplaceAllString(page, "$1$2")
	var out []string
	for _, m := range tagPattern.FindAllStringSubmatch(page, -1) {
		line := m[1]
		if m[1] == "img" || m[1] == "link" || m[1] == "style" || (m[1] == "p" && strings.Contains(m[2], `class="brand"`)) {
			continue
		}
		for _, a := range attributePattern.FindAllStringSubmatch(m[2], -1) {
			line += " " + a[1]
		}
		out = append(out, line)
	}
	return out
}

func TestFormPostGoesOnlyToAddressesThatLeadAway(t *testing.T) {
	v := newViews(t)
	for url, ok := range map[string]bool{
		"https://shop.example.com/cb":   true,
		"http://127.0.0.1:3000/cb?x=1":  true,
		"com.example.shop://callback":   true,
		"javascript:alert(1)":           false,
		"JavaScript:alert(1)":           false,
		"data:text/html,x":              false,
		"vbscript:x":                    false,
		"blob:https://shop.example.com": false,
		"/relative":                     false,
		"":                              false,
		"https://a\x7fb":                false,
	} {
		var out bytes.Buffer
		err := v.FormPost(&out, FormPostPage{URL: url})
		if ok && err != nil {
			t.Errorf("%q: %v", url, err)
		}
		if !ok && (!errors.Is(err, ErrAction) || out.Len() > 0) {
			t.Errorf("%q: error %v and %d bytes, want ErrAction and none", url, err, out.Len())
		}
	}
}

func TestWebMessageNeedsOneOrigin(t *testing.T) {
	v := newViews(t)
	for origin, ok := range map[string]bool{
		"https://shop.example.com":      true,
		"http://localhost:3000":         true,
		"*":                             false,
		"null":                          false,
		"":                              false,
		"https://shop.example.com/":     false,
		"https://shop.example.com/cb":   false,
		"https://ann@shop.example.com":  false,
		"com.example.shop://callback":   false,
		"https://":                      false,
		"https://shop.example.com?x=1":  false,
		"//shop.example.com":            false,
		"HTTPS://shop.example.com":      false,
		"https://shop.example.com#frag": false,
	} {
		err := v.WebMessage(io.Discard, WebMessagePage{TargetOrigin: origin})
		if ok && err != nil {
			t.Errorf("%q: %v", origin, err)
		}
		if !ok && !errors.Is(err, ErrOrigin) {
			t.Errorf("%q: error %v, want ErrOrigin", origin, err)
		}
	}
}

func TestWebMessageCarriesTheAnswerUnchanged(t *testing.T) {
	response := map[string]any{"state": "</script>\u2028'\"<!--", "expires_in": json.Number("86400"), "code": "c"}
	var out bytes.Buffer
	err := newViews(t).WebMessage(&out, WebMessagePage{TargetOrigin: "https://shop.example.com", Response: response})
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`var message = (.*);`).FindStringSubmatch(out.String())
	if literal == nil {
		t.Fatalf("no message in %s", out.String())
	}
	dec := json.NewDecoder(strings.NewReader(literal[1]))
	dec.UseNumber()
	var got Message
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Message{Type: "authorization_response", Response: response}, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(out.String(), `target.postMessage(message, "https://shop.example.com");`) {
		t.Errorf("the target isn't the origin: %s", out.String())
	}
}
