package views

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.html")

// state is one page in one state.
type state struct {
	name string // page, hyphen, state
	draw func(*Views, io.Writer) error
	// answer marks pages that carry an answer to an application: their form has no state of ours.
	answer bool
}

func testPage() Page {
	return Page{Lang: "en", Nonce: "n0nce", State: "st4te", CSRF: "t0ken", StyleURL: "/s.css", ScriptURL: "/s.js", Brand: Brand{Name: "Acme"}}
}

func providers(names ...string) []Provider {
	var out []Provider
	for _, n := range names {
		out = append(out, Provider{Name: n, Strategy: strings.ToLower(n), URL: "/u/login/with?connection=" + n})
	}
	return out
}

func signupRules() []Rule {
	return []Rule{
		{Code: "lengthAtLeast", N: 8},
		{Code: "containsAtLeast", N: 3, Items: []Rule{{Code: "lowerCase"}, {Code: "upperCase"}, {Code: "numbers", Failed: true}, {Code: "specialCharacters"}}},
		{Code: "identicalChars", N: 2},
		{Code: "dictionary", Text: "Not a common password"},
	}
}

func signupFields() []Field {
	return []Field{
		{Name: "given_name", Label: "First name", Required: true, MaxLength: 150},
		{Name: "plan", Label: "Plan", Type: FieldSelect, Options: []Option{{"a", "Basic"}, {"b", "Plus"}}, Value: "b", Required: true, Help: "You can change it later."},
		{Name: "code", Label: "Customer code", Type: FieldText, Pattern: "[A-Z]{3}", Help: "Three capital letters.", Value: "x", Error: "Check the value of “Customer code”."},
		{Name: "news", Label: "Send me news", Type: FieldCheckbox, Value: "true"},
		{Name: "source", Type: FieldHidden, Value: "web"},
	}
}

// states are all pages in all their states.
func states() []state {
	login := func(name string, p LoginPage) state {
		return state{name: "login-" + name, draw: func(v *Views, w io.Writer) error { return v.Login(w, p) }}
	}
	signup := func(name string, p SignupPage) state {
		return state{name: "signup-" + name, draw: func(v *Views, w io.Writer) error { return v.Signup(w, p) }}
	}
	fail := func(name string, p ErrorPage) state {
		return state{name: "error-" + name, draw: func(v *Views, w io.Writer) error { return v.Error(w, p) }}
	}
	branded := testPage()
	branded.Brand = Brand{Name: "Acme", LogoURL: "https://cdn.example.com/logo.svg", FaviconURL: "/favicon.ico", Primary: "#ffcc00", PageBackground: "#FAFAFA"}
	german := testPage()
	german.Lang = "de"
	seven := providers("Google", "GitHub", "Facebook", "Twitter", "Apple", "LinkedIn", "Okta")
	seven[6].LastUsed = true
	bare := testPage()
	bare.State, bare.CSRF = "", ""

	return []state{
		login("database", LoginPage{Page: testPage(), Application: "Shop", Password: true, Action: "/u/login", SignupURL: "/u/signup?state=st4te", ForgotURL: "/u/reset-password?state=st4te", Providers: providers("GitHub", "Google")}),
		login("wrong", LoginPage{Page: branded, Password: true, PasswordLastUsed: true, Identifier: IdentifierEither, Username: "ann@example.com", Error: "Wrong email or password."}),
		login("german", LoginPage{Page: german, Password: true, Identifier: IdentifierUsername, SignupURL: "/u/signup", Providers: seven}),
		login("social", LoginPage{Page: testPage(), Application: "Shop", Providers: seven}),
		login("nothing", LoginPage{Page: testPage()}),
		signup("plain", SignupPage{Page: testPage()}),
		signup("full", SignupPage{Page: testPage(), Application: "Shop", Action: "/u/signup", AskUsername: true, Rules: signupRules(), Fields: signupFields(), Providers: providers("GitHub"), LoginURL: "/u/login?state=st4te"}),
		signup("errors", SignupPage{Page: testPage(), Email: "ann", EmailError: "Enter an email address such as name@example.com.", AskUsername: true, RequireUsername: true, Username: "a", UsernameError: "Choose a username.", Rules: signupRules(), PasswordError: "This password is too weak.", Fields: signupFields(), Error: "We could not create an account with these details."}),
		{name: "fields-after", draw: func(v *Views, w io.Writer) error {
			return v.Fields(w, FieldsPage{Page: testPage(), Application: "Shop", Action: "/u/fields", Account: "ann@example.com", Fields: signupFields(), Error: "Check the fields.", CancelURL: "/v2/logout"})
		}},
		{name: "consent-api", draw: func(v *Views, w io.Writer) error {
			return v.Consent(w, ConsentPage{Page: testPage(), Application: "Shop", Account: "ann@example.com", Action: "/u/consent", Scopes: []Scope{{Value: "openid"}, {Value: "offline_access"}, {Value: "read:orders", Description: "See your orders"}, {Value: "write:orders"}}})
		}},
		{name: "consent-nothing", draw: func(v *Views, w io.Writer) error {
			return v.Consent(w, ConsentPage{Page: testPage(), Application: "Shop"})
		}},
		fail("lost", ErrorPage{Page: testPage(), Kind: ErrorExpired, Reference: "req_123"}),
		fail("expired", ErrorPage{Page: testPage(), Kind: ErrorExpired, Reference: "req_123", RestartURL: "/authorize?client_id=c", SupportURL: "https://help.example.com"}),
		fail("callback", ErrorPage{Page: testPage(), Kind: ErrorCallback, Code: "unauthorized_client", Description: "Callback URL mismatch."}),
		fail("unknown", ErrorPage{Page: testPage(), Kind: "what"}),
		fail("rule", ErrorPage{Page: testPage(), What: "Please verify your email before logging in."}),
		{name: "message-done", draw: func(v *Views, w io.Writer) error {
			return v.Message(w, MessagePage{Page: testPage(), Text: "Your email address is verified.", Success: true, LinkURL: "https://shop.example.com"})
		}},
		{name: "message-note", draw: func(v *Views, w io.Writer) error {
			return v.Message(w, MessagePage{Page: testPage(), Text: "Check your mail."})
		}},
		{name: "logout-ask", draw: func(v *Views, w io.Writer) error {
			return v.LogoutConfirm(w, LogoutPage{Page: testPage(), Account: "ann@example.com", Action: "/oidc/logout", CancelURL: "https://shop.example.com"})
		}},
		{name: "loggedout-end", draw: func(v *Views, w io.Writer) error {
			return v.LoggedOut(w, LoggedOutPage{Page: testPage(), LoginURL: "/authorize"})
		}},
		{name: "formpost-answer", answer: true, draw: func(v *Views, w io.Writer) error {
			return v.FormPost(w, FormPostPage{Page: bare, URL: "com.example.shop://callback?a=1", Values: []Value{{"code", "c0de"}, {"state", `a"b`}}})
		}},
		{name: "webmessage-answer", answer: true, draw: func(v *Views, w io.Writer) error {
			return v.WebMessage(w, WebMessagePage{Page: bare, TargetOrigin: "https://shop.example.com:8443", Response: map[string]any{"code": "c0de", "expires_in": 86400, "state": "</script>"}})
		}},
	}
}

func newViews(t testing.TB) *Views {
	t.Helper()
	v, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func drawn(t testing.TB, v *Views, s state) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.draw(v, &out); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return out.String()
}

func TestPagesLookAsRecorded(t *testing.T) {
	v := newViews(t)
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			got := drawn(t, v, s)
			file := filepath.Join("testdata", s.name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("run with -update after looking at the difference:\n%s", diff)
			}
		})
	}
}

func TestEveryDeclaredPageIsDrawnInSomeState(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range states() {
		page, _, _ := strings.Cut(s.name, "-")
		seen[page] = true
	}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{"layout": true, "parts": true}
	for _, d := range declarations() {
		declared[d.name] = true
		if !seen[d.name] {
			t.Errorf("no state draws page %s", d.name)
		}
	}
	for _, f := range files {
		if !declared[strings.TrimSuffix(f.Name(), ".html")] {
			t.Errorf("templates/%s is not declared", f.Name())
		}
	}
}

// tag is one start tag: name, attributes as written, position in the page.
type tag struct {
	name       string
	attributes map[string]string
	at         int
}

var (
	tagPattern       = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)((?:\s+[^\s=>"'/]+(?:="[^"]*")?)*)\s*/?>`)
	attributePattern = regexp.MustCompile(`([^\s=>"'/]+)(?:="([^"]*)")?`)
	scriptBody       = regexp.MustCompile(`(?s)(<script\b[^>]*>).*?(</script>)`)
)

// tags finds the start tags of a page. Our templates quote every attribute with ", which makes this enough.
func tags(t *testing.T, page string) []tag {
	t.Helper()
	page = scriptBody.ReplaceAllString(page, "$1$2")
	var out []tag
	for _, m := range tagPattern.FindAllStringSubmatchIndex(page, -1) {
		found := tag{name: strings.ToLower(page[m[2]:m[3]]), attributes: map[string]string{}, at: m[0]}
		for _, a := range attributePattern.FindAllStringSubmatch(page[m[4]:m[5]], -1) {
			if _, twice := found.attributes[a[1]]; twice {
				t.Errorf("<%s> has %s twice", found.name, a[1])
			}
			found.attributes[a[1]] = a[2]
		}
		out = append(out, found)
	}
	rest := tagPattern.ReplaceAllString(page, "")
	if i := regexp.MustCompile(`<[a-zA-Z]`).FindStringIndex(rest); i != nil {
		t.Errorf("a tag that can't be read: %.80s", rest[i[0]:])
	}
	return out
}

func TestPagesKeepTheRulesOfTheHouse(t *testing.T) {
	v := newViews(t)
	for _, s := range states() {
		t.Run(s.name, func(t *testing.T) {
			page := drawn(t, v, s)
			found := tags(t, page)
			checkStructure(t, found, s.answer)
			checkLabels(t, found)
			checkPolicy(t, found)
			checkReferences(t, found)
			checkBalance(t, page)
			if strings.Contains(page, "ZgotmplZ") {
				t.Error("html/template refused a value")
			}
		})
	}
}

func checkStructure(t *testing.T, found []tag, answer bool) {
	t.Helper()
	count := map[string]int{}
	hidden := map[string]string{}
	posts, autofocus := 0, 0
	for _, tag := range found {
		count[tag.name]++
		if tag.name == "form" && tag.attributes["method"] == "post" {
			posts++
		}
		if tag.name == "input" && tag.attributes["type"] == "hidden" {
			hidden[tag.attributes["name"]] = tag.attributes["value"]
		}
		if _, ok := tag.attributes["autofocus"]; ok {
			autofocus++
		}
	}
	for _, name := range []string{"h1", "title", "main"} {
		if count[name] != 1 {
			t.Errorf("%d <%s>, want one", count[name], name)
		}
	}
	if count["form"] != posts || posts > 1 {
		t.Errorf("%d forms, of which %d post; want at most one, and that posts", count["form"], posts)
	}
	if autofocus > 1 {
		t.Errorf("%d inputs want the focus", autofocus)
	}
	if posts == 1 && !answer && (hidden["state"] != "st4te" || hidden["_csrf"] != "t0ken") {
		t.Errorf("hidden inputs are %v, want state and _csrf", hidden)
	}
}

func checkLabels(t *testing.T, found []tag) {
	t.Helper()
	labels := map[string]bool{}
	for _, tag := range found {
		if tag.name == "label" {
			labels[tag.attributes["for"]] = true
		}
	}
	for _, tag := range found {
		switch {
		case tag.name != "input" && tag.name != "select" && tag.name != "textarea", tag.attributes["type"] == "hidden":
			continue
		case tag.attributes["id"] == "" || !labels[tag.attributes["id"]]:
			t.Errorf("<%s name=%q> has no label", tag.name, tag.attributes["name"])
		}
	}
}

func checkPolicy(t *testing.T, found []tag) {
	t.Helper()
	for _, tag := range found {
		for name, value := range tag.attributes {
			if strings.HasPrefix(strings.ToLower(name), "on") || name == "style" {
				t.Errorf("<%s> has the inline attribute %s", tag.name, name)
			}
			if strings.HasPrefix(strings.ToLower(value), "javascript:") {
				t.Errorf("<%s> has a script as its %s", tag.name, name)
			}
		}
		if (tag.name == "script" || tag.name == "style") && tag.attributes["nonce"] != "n0nce" {
			t.Errorf("<%s> without the nonce", tag.name)
		}
	}
}

// checkReferences follows every attribute that names an id.
func checkReferences(t *testing.T, found []tag) {
	t.Helper()
	ids := map[string]bool{}
	for _, tag := range found {
		if id := tag.attributes["id"]; id != "" {
			if ids[id] {
				t.Errorf("id %q is there twice", id)
			}
			ids[id] = true
		}
	}
	for _, tag := range found {
		if _, invalid := tag.attributes["aria-invalid"]; invalid && tag.attributes["aria-describedby"] == "" {
			t.Errorf("<%s id=%q> is invalid without saying why", tag.name, tag.attributes["id"])
		}
		for _, name := range []string{"for", "aria-describedby", "aria-controls", "data-reveal"} {
			for _, id := range strings.Fields(tag.attributes[name]) {
				if !ids[id] {
					t.Errorf("<%s %s> names %q, which isn't there", tag.name, name, id)
				}
			}
		}
		if target, ok := strings.CutPrefix(tag.attributes["href"], "#"); ok && !ids[target] {
			t.Errorf("a link leads to #%s, which isn't there", target)
		}
	}
}

// checkBalance tells whether every element is closed in order.
func checkBalance(t *testing.T, page string) {
	t.Helper()
	void := map[string]bool{"meta": true, "link": true, "input": true, "img": true, "path": true, "circle": true}
	page = scriptBody.ReplaceAllString(page, "$1$2")
	var open []string
	for _, m := range regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)\b[^>]*>`).FindAllStringSubmatch(page, -1) {
		switch {
		case void[m[2]]:
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			t.Fatalf("</%s> closes nothing; open are %v", m[2], open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("never closed: %v", open)
	}
}

func TestAPageThatCannotBeDrawnWritesNothing(t *testing.T) {
	v := newViews(t)
	var out bytes.Buffer
	if err := v.render(&out, "login", SignupPage{}); err == nil || out.Len() > 0 {
		t.Errorf("a page of the wrong struct: error %v, %d bytes", err, out.Len())
	}
	if err := v.render(&out, "nowhere", LoginPage{}); err == nil || out.Len() > 0 {
		t.Errorf("a page that isn't declared: error %v, %d bytes", err, out.Len())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAWriterThatFailsIsReported(t *testing.T) {
	if err := newViews(t).Login(brokenWriter{}, LoginPage{}); err == nil {
		t.Error("no error")
	}
}

func TestPagesAreDrawnSideBySide(t *testing.T) {
	v := newViews(t)
	var wg sync.WaitGroup
	for _, s := range states() {
		want := drawn(t, v, s)
		for range 4 {
			wg.Go(func() {
				var out bytes.Buffer
				if err := s.draw(v, &out); err != nil || out.String() != want {
					t.Errorf("%s: error %v, or another page than alone", s.name, err)
				}
			})
		}
	}
	wg.Wait()
}

func BenchmarkLogin(b *testing.B) {
	v := newViews(b)
	p := LoginPage{Page: testPage(), Application: "Shop", Password: true, Providers: providers("GitHub", "Google"), SignupURL: "/u/signup"}
	p.Brand.Primary = "#2453d6"
	b.ReportAllocs()
	for b.Loop() {
		if err := v.Login(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}
