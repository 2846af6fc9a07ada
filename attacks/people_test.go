package attacks_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// peopleTenant adds databases for every rule of sign-up to the common tenant.
var peopleTenant = strings.Replace(tenantFile, "connections:\n  - name: up\n", `
  - {name: none, strategy: auth0, enabled_clients: [spa, web], options: {passwordPolicy: none}}
  - {name: fair, strategy: auth0, enabled_clients: [spa, web], options: {passwordPolicy: fair}}
  - {name: good, strategy: auth0, enabled_clients: [spa, web], options: {passwordPolicy: good}}
  - {name: excellent, strategy: auth0, enabled_clients: [spa, web], options: {passwordPolicy: excellent}}
  - {name: named, strategy: auth0, enabled_clients: [spa, web], options: {passwordPolicy: low, requires_username: true}}
  - {name: closed, strategy: auth0, enabled_clients: [spa, web], options: {passwordPolicy: low, disable_signup: true}}
  - {name: unused, strategy: auth0, enabled_clients: [], options: {passwordPolicy: low}}
connections:
  - name: up
`, 1)

func signUp(t *testing.T, b *bench, connection string, changes map[string]any) blackbox.Answer {
	t.Helper()
	body := map[string]any{"client_id": "spa", "connection": connection, "email": "new@example.com", "password": password}
	for name, value := range changes {
		if value == nil {
			delete(body, name)
			continue
		}
		body[name] = value
	}
	return b.PostJSON(t, "/dbconnections/signup", body)
}

// exists tells whether somebody can log in.
func exists(t *testing.T, b *bench, connection, who, secret string) bool {
	t.Helper()
	a := b.web.Token(url.Values{"grant_type": {realmGrant}, "realm": {connection}, "username": {who}, "password": {secret}, "scope": {"openid"}}, nil)
	b.keepTokens(a)
	return a.Status == http.StatusOK
}

// policyBodies are what a password of one letter gets under each policy, whole.
var policyBodies = map[string]string{
	"none": `{"rules":[{"message":"Non-empty password required","code":"nonEmpty","verified":false}],"verified":false}`,
	"db":   `{"rules":[{"message":"At least %d characters in length","format":[6],"code":"lengthAtLeast","verified":false}],"verified":false}`,
	"fair": `{"rules":[{"message":"At least %d characters in length","format":[8],"code":"lengthAtLeast","verified":false},
		{"message":"Should contain:","items":[{"message":"lower case letters (a-z)","code":"lowerCase","verified":true},
		{"message":"upper case letters (A-Z)","code":"upperCase","verified":false},{"message":"numbers (i.e. 0-9)","code":"numbers","verified":false}],
		"code":"shouldContain","verified":false}],"verified":false}`,
	"good": `{"rules":[{"message":"At least %d characters in length","format":[8],"code":"lengthAtLeast","verified":false},` + threeOfFour + `],"verified":false}`,
	"excellent": `{"rules":[{"message":"At least %d characters in length","format":[10],"code":"lengthAtLeast","verified":false},` + threeOfFour + `,
		{"message":"No more than %d identical characters in a row (e.g., \"%s\" not allowed)","format":[2,"aaa"],"code":"identicalChars","verified":false}],"verified":false}`,
}

const threeOfFour = `{"message":"Contain at least %d of the following %d types of characters:","format":[3,4],"items":[
	{"message":"lower case letters (a-z)","code":"lowerCase","verified":true},{"message":"upper case letters (A-Z)","code":"upperCase","verified":false},
	{"message":"numbers (i.e. 0-9)","code":"numbers","verified":false},
	{"message":"special characters (e.g. !@#$%^&*)","code":"specialCharacters","verified":false}],"code":"containsAtLeast","verified":false}`

var policyTexts = map[string]string{
	"none": "* Non-empty password required",
	"db":   "* At least 6 characters in length",
	"fair": "* At least 8 characters in length\n* Should contain:\n * lower case letters (a-z)\n * upper case letters (A-Z)\n * numbers (i.e. 0-9)",
	"good": "* At least 8 characters in length\n* Contain at least 3 of the following 4 types of characters:\n" +
		" * lower case letters (a-z)\n * upper case letters (A-Z)\n * numbers (i.e. 0-9)\n * special characters (e.g. !@#$%^&*)",
	"excellent": "* At least 10 characters in length\n* Contain at least 3 of the following 4 types of characters:\n" +
		" * lower case letters (a-z)\n * upper case letters (A-Z)\n * numbers (i.e. 0-9)\n * special characters (e.g. !@#$%^&*)\n" +
		"* No more than 2 identical characters in a row (e.g., \"aaa\" not allowed)",
}

func TestWeakPasswordsAtSignUp(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: peopleTenant})
	for connection, description := range policyBodies {
		weak := "aaa"
		if connection == "none" {
			continue // an empty password is no password at all
		}
		a := signUp(t, b, connection, map[string]any{"password": weak})
		want := map[string]any{
			"name": "PasswordStrengthError", "message": "Password is too weak", "code": "invalid_password",
			"policy": policyTexts[connection], "statusCode": json.Number("400"), "description": decoded(t, description),
		}
		if diff := cmp.Diff(want, a.JSON); a.Status != http.StatusBadRequest || diff != "" {
			t.Errorf("%s: %d (-want +got)\n%s", connection, a.Status, diff)
		}
		if exists(t, b, connection, "new@example.com", weak) {
			t.Errorf("%s: somebody was created", connection)
		}
	}
	for connection, strong := range map[string]string{"none": "x", "db": "abcdef", "fair": "Abcdefg1", "good": "abcdef1!", "excellent": "Abcdefgh12"} {
		if a := signUp(t, b, connection, map[string]any{"password": strong}); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", connection, a.Status, a.Body)
		}
	}
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSignUpErrors(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: peopleTenant})
	for name, c := range map[string]struct {
		connection string
		changes    map[string]any
		want       string
	}{
		"taken":                    {"db", map[string]any{"email": "ada@example.com"}, `{"name":"BadRequestError","code":"user_exists","description":"The user already exists.","statusCode":400}`},
		"taken, written otherwise": {"db", map[string]any{"email": "  ADA@Example.COM "}, `{"name":"BadRequestError","code":"user_exists","description":"The user already exists.","statusCode":400}`},
		"no username":              {"named", nil, `{"error":"missing username for named connection with requires_username enabled"}`},
		"closed":                   {"closed", nil, `{"error":"public signup is disabled"}`},
		"no connection":            {"", nil, `{"error":"invalid_request","error_description":"connection is required"}`},
		"unknown connection":       {"nowhere", nil, `{"error":"invalid_request","error_description":"the connection was not found"}`},
		"connection of nobody":     {"unused", nil, `{"error":"invalid_request","error_description":"the connection was disabled"}`},
		"social connection":        {"up", nil, `{"error":"invalid_request","error_description":"specified strategy does not support requested operation"}`},
		"unknown client":           {"db", map[string]any{"client_id": "nobody"}, `{"error":"invalid_request","error_description":"the client was not found"}`},
		"no client":                {"db", map[string]any{"client_id": nil}, `{"error":"invalid_request","error_description":"the client was not found"}`},
	} {
		a := signUp(t, b, c.connection, c.changes)
		if a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if diff := cmp.Diff(decoded(t, c.want), a.JSON); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	if a := signUp(t, b, "named", map[string]any{"username": "lovelace"}); a.Status != http.StatusOK || a.Text("username") != "lovelace" {
		t.Errorf("with a username: %d %s", a.Status, a.Body)
	}
	a := signUp(t, b, "named", map[string]any{"email": "other@example.com", "username": "Lovelace"})
	if a.Status != http.StatusBadRequest || a.Text("code") != "user_exists" || !strings.HasPrefix(a.Text("description"), "The user already exists (username: ") {
		t.Errorf("username taken: %d %s", a.Status, a.Body)
	}
}

func TestSignUpValues(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: peopleTenant})
	fields := func(n int) map[string]any {
		m := map[string]any{}
		for i := range n {
			m[fmt.Sprintf("field%d", i)] = "x"
		}
		return m
	}
	long := func(n int) string { return strings.Repeat("ä", n) }
	metadata := func(m map[string]any) map[string]any { return map[string]any{"user_metadata": m} }
	for name, changes := range map[string]map[string]any{
		"11 fields":                   metadata(fields(11)),
		"501 characters":              metadata(map[string]any{"a": long(501)}),
		"a name of 101":               metadata(map[string]any{long(101): "x"}),
		"a number":                    metadata(map[string]any{"a": 1}),
		"true":                        metadata(map[string]any{"a": true}),
		"null":                        metadata(map[string]any{"a": nil}),
		"a list":                      metadata(map[string]any{"a": []string{"x"}}),
		"an object":                   metadata(map[string]any{"a": map[string]any{}}),
		"a dot":                       metadata(map[string]any{"a.b": "x"}),
		"a dollar":                    metadata(map[string]any{"$a": "x"}),
		"no name":                     metadata(map[string]any{"": "x"}),
		"metadata of text":            {"user_metadata": "x"},
		"metadata of a list":          {"user_metadata": []string{"x"}},
		"no email":                    {"email": nil},
		"email of a number":           {"email": 1},
		"email of an object":          {"email": map[string]any{"$ne": ""}},
		"no address":                  {"email": "new"},
		"two addresses":               {"email": "new@example.com,other@example.com"},
		"a line break":                {"email": "new@example.com\r\nBcc: x@evil.test"},
		"quotes":                      {"email": `"<script>"@example.com`},
		"look-alike letters":          {"email": "nеw@example.com"},
		"no password":                 {"password": nil},
		"a password of 10 MB, nearly": {"password": strings.Repeat("a", 500<<10)},
		"a password of a list":        {"password": []string{"x"}},
		"picture of script":           {"picture": "javascript:alert(1)"},
		"picture of data":             {"picture": "data:text/html,x"},
		"name of 301":                 {"name": strings.Repeat("a", 301)},
		"given_name of 151":           {"given_name": strings.Repeat("a", 151)},
		"name of a number":            {"name": 1},
	} {
		a := signUp(t, b, "db", changes)
		if a.Status != http.StatusBadRequest || a.JSON == nil {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if _, about := changes["user_metadata"]; about && !strings.Contains(a.Body, "user_metadata") {
			t.Errorf("%s: the error doesn't name user_metadata: %s", name, a.Body)
		}
		if strings.Contains(a.Body, strings.Repeat("a", 1000)) {
			t.Errorf("%s: the error repeats what was sent", name)
		}
	}
	if exists(t, b, "db", "new@example.com", password) {
		t.Error("a refused sign-up created somebody")
	}
	largest := fields(9)
	largest["last"] = long(499)
	a := signUp(t, b, "db", map[string]any{"user_metadata": largest, "given_name": "Åsa", "name": `"><img src=x onerror=alert(1)>`})
	if a.Status != http.StatusOK {
		t.Fatalf("10 fields, 499 characters: %d %s", a.Status, a.Body)
	}
	if diff := cmp.Diff(largest, a.JSON["user_metadata"]); diff != "" || a.Text("given_name") != "Åsa" {
		t.Errorf("echo (-want +got)\n%s", diff)
	}
}

// What only administrators may set is not set by asking (attacks on the profile by sign-up).
func TestSignUpGivesNoRights(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	a := signUp(t, b, "db", map[string]any{
		"app_metadata": map[string]any{"roles": []string{"admin"}}, "email_verified": true, "blocked": false, "user_id": "auth0|victim",
		"identities": []any{}, "created_at": "2000-01-01", "_id": "0123456789abcdef01234567", "sub": "auth0|x", "roles": []string{"admin"},
	})
	if a.Status != http.StatusOK || a.JSON["email_verified"] != false || a.Text("_id") == "0123456789abcdef01234567" || a.JSON["app_metadata"] != nil {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	tokens := b.passwordTokens(t, "new@example.com", password)
	who := b.Userinfo(t, tokens.Text("access_token"))
	if who.JSON["email_verified"] != false || who.Text("sub") != "auth0|"+a.Text("_id") || who.JSON["roles"] != nil || who.JSON["app_metadata"] != nil {
		t.Errorf("userinfo: %s", who.Body)
	}
}

func TestSignUpsAtOnceMakeOnePerson(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	const tries = 12
	answers := make(chan blackbox.Answer, tries)
	for i := range tries {
		go func() {
			email := "race@example.com"
			if i%2 == 0 {
				email = "Race@EXAMPLE.com"
			}
			answers <- signUp(t, b, "db", map[string]any{"email": email})
		}()
	}
	made := 0
	for range tries {
		switch a := <-answers; {
		case a.Status == http.StatusOK:
			made++
		case a.Text("code") != "user_exists":
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if made != 1 {
		t.Errorf("%d people with one address", made)
	}
}

func TestPasswordGrantErrors(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: peopleTenant})
	good := url.Values{"grant_type": {realmGrant}, "realm": {"db"}, "username": {"ada@example.com"}, "password": {password}}
	for name, c := range map[string]struct {
		changes url.Values
		want    string
	}{
		"wrong password":    {url.Values{"password": {"wrong"}}, "403 invalid_grant: Wrong email or password."},
		"unknown person":    {url.Values{"username": {"nobody@example.com"}}, "403 invalid_grant: Wrong email or password."},
		"person elsewhere":  {url.Values{"realm": {"good"}}, "403 invalid_grant: Wrong email or password."},
		"no username":       {url.Values{"username": nil}, "400 invalid_request: Missing required parameter: username"},
		"no password":       {url.Values{"password": {""}}, "400 invalid_request: Missing required parameter: password"},
		"no realm":          {url.Values{"realm": nil}, "400 invalid_request: Missing required parameter: realm"},
		"unknown realm":     {url.Values{"realm": {"nowhere"}}, "400 invalid_request: Unknown realm 'nowhere'"},
		"disabled":          {url.Values{"realm": {"unused"}}, "403 unauthorized_client: The connection is not enabled for the client"},
		"social":            {url.Values{"realm": {"up"}}, "400 invalid_request: specified strategy does not support requested operation"},
		"unknown API":       {url.Values{"audience": {"https://nowhere.test"}}, "403 access_denied: Service not found: https://nowhere.test"},
		"password of 1 MB":  {url.Values{"password": {strings.Repeat("a", 900<<10)}}, "403 invalid_grant: Wrong email or password."},
		"username of 1 MB":  {url.Values{"username": {strings.Repeat("a", 900<<10)}}, "403 invalid_grant: Wrong email or password."},
		"SQL":               {url.Values{"username": {"' OR 1=1 --"}}, "403 invalid_grant: Wrong email or password."},
		"password in upper": {url.Values{"password": {strings.ToUpper(password)}}, "403 invalid_grant: Wrong email or password."},
		"password and more": {url.Values{"password": {password + " "}}, "403 invalid_grant: Wrong email or password."},
	} {
		a := b.web.Token(good, c.changes)
		if got := a.Error(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	plain := b.web.Token(url.Values{"grant_type": {"password"}, "username": {" ADA@example.com "}, "password": {password}}, nil)
	b.keepTokens(plain)
	if plain.Status != http.StatusOK || plain.Text("scope") != "openid profile email address phone" || plain.Text("id_token") == "" {
		t.Errorf("password grant: %s", plain.Body)
	}
	object := map[string]any{"grant_type": "password", "client_id": "web", "client_secret": webSecret, "username": "ada@example.com", "password": map[string]any{"$ne": ""}}
	if a := b.PostJSON(t, "/oauth/token", object); a.Status != http.StatusBadRequest {
		t.Errorf("a password that is an object: %d %s", a.Status, a.Body)
	}
}

// Answers to a wrong password and to an unknown person must not be told apart.
func TestNobodyLearnsWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	form := func(who string) blackbox.Answer {
		a := b.web.Token(url.Values{"grant_type": {realmGrant}, "realm": {"db"}, "username": {who}, "password": {"wrong"}}, nil)
		for _, own := range []string{"Date", "X-Request-Id"} {
			a.Header.Del(own)
		}
		return a
	}
	if diff := cmp.Diff(form("ada@example.com"), form("nobody@example.com")); diff != "" {
		t.Errorf("(-known +unknown)\n%s", diff)
	}
	body := func(who string) (int, string) {
		browser := b.browser(t)
		page := browser.Open(b.spa.Authorize(nil).URL)
		page = browser.Submit(page, url.Values{"username": {who}, "password": {"wrong"}})
		if !strings.Contains(page.Body, "Wrong email or password.") || !strings.Contains(page.Body, `role="alert"`) {
			t.Errorf("no error on the page:\n%s", page.Body)
		}
		own := regexp.MustCompile(`(nonce|value)="[^"]*"|state=[\w-]*`)
		return page.Status, own.ReplaceAllString(page.Body, "")
	}
	known, knownPage := body("ada@example.com")
	unknown, unknownPage := body("nob@example.com")
	if diff := cmp.Diff(knownPage, unknownPage); known != unknown || diff != "" {
		t.Errorf("pages differ: %d and %d (-known +unknown)\n%s", known, unknown, diff)
	}
}

func TestUserinfoByScope(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	a := signUp(t, b, "db", map[string]any{
		"name": "New Person", "given_name": "New", "family_name": "Person", "nickname": "newbie", "picture": "https://example.com/p.png",
		"user_metadata": map[string]any{"hobby": "x"},
	})
	if a.Status != http.StatusOK {
		t.Fatal(a.Body)
	}
	profile := []string{"family_name", "given_name", "name", "nickname", "picture", "updated_at"}
	for scope, want := range map[string][]string{
		"openid":                {"sub"},
		"openid email":          {"email", "email_verified", "sub"},
		"openid profile":        append(slices.Clone(profile), "sub"),
		"openid phone address":  {"sub"},
		"openid app_metadata":   {"sub"},
		"openid profile email":  append(append([]string{"email", "email_verified"}, profile...), "sub"),
		"openid user_metadata":  {"sub"},
		"openid offline_access": {"sub"},
		"openid openid":         {"sub"},
	} {
		tokens := b.web.Token(url.Values{
			"grant_type": {realmGrant}, "realm": {"db"}, "username": {"new@example.com"}, "password": {password}, "scope": {scope + " offline_access"},
		}, nil)
		b.keepTokens(tokens)
		who := b.Userinfo(t, tokens.Text("access_token"))
		var got []string
		for name := range who.JSON {
			got = append(got, name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" || who.Status != http.StatusOK {
			t.Errorf("%s: %d (-want +got)\n%s", scope, who.Status, diff)
		}
		if got := who.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("Content-Type is %q", got)
		}
		_, claims := blackbox.Claims(t, tokens.Text("id_token"))
		for _, name := range append(slices.Clone(profile), "email", "email_verified", "user_metadata", "app_metadata") {
			if _, has := claims[name]; has != slices.Contains(want, name) {
				t.Errorf("%s: claim %s in the ID token: %v", scope, name, has)
			}
		}
	}
}

func TestUserinfoErrors(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	tokens := b.passwordTokens(t, "ada@example.com", password)
	token := tokens.Text("access_token")
	expect := func(name string, a blackbox.Answer, challenge string) {
		t.Helper()
		if a.Status != http.StatusUnauthorized || a.Body != "Unauthorized" || a.Header.Get("Www-Authenticate") != challenge {
			t.Errorf("%s: %d %s %q", name, a.Status, a.Body, a.Header.Get("Www-Authenticate"))
		}
	}
	bare := `Bearer realm="Users"`
	expect("nothing", b.Do(t, http.MethodGet, "/userinfo", "", "", nil), bare)
	expect("nothing posted", b.Do(t, http.MethodPost, "/userinfo", "", "", nil), bare)
	expect("no scheme", b.Do(t, http.MethodGet, "/userinfo", "", "", http.Header{"Authorization": {token}}), bare)
	expect("Basic", b.Do(t, http.MethodGet, "/userinfo", "", "", http.Header{"Authorization": {"Basic " + token}}), bare)
	expect("empty", b.Userinfo(t, ""), bare)
	expect("wrong", b.Userinfo(t, "x"), bare+`, error="invalid_token", error_description="The token is not valid"`)
	for name, a := range map[string]blackbox.Answer{
		"header, lower case": b.Do(t, http.MethodGet, "/userinfo", "", "", http.Header{"Authorization": {"bearer " + token}}),
		"query":              b.Do(t, http.MethodGet, "/userinfo?access_token="+token, "", "", nil),
		"form":               b.PostForm(t, "/userinfo", url.Values{"access_token": {token}}),
		"JSON":               b.PostJSON(t, "/userinfo", map[string]string{"access_token": token}),
	} {
		if a.Status != http.StatusOK || a.Text("email") != "ada@example.com" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	short := b.tokens(t, b.web, url.Values{"scope": {"profile email"}})
	if a := b.Userinfo(t, short.Text("access_token")); a.Status != http.StatusUnauthorized {
		t.Errorf("without openid: %d %s", a.Status, a.Body)
	}
}

func TestUserinfoOfAnExpiredToken(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: strings.Replace(tenantFile, "signing_alg: RS256,", "signing_alg: RS256, token_lifetime: 600,", 1)})
	tokens := b.tokens(t, b.web, url.Values{"audience": {"https://api.test"}, "scope": {"openid"}})
	b.Advance(5 * time.Minute)
	if a := b.Userinfo(t, tokens.Text("access_token")); a.Status != http.StatusOK {
		t.Errorf("after five of ten minutes: %d", a.Status)
	}
	b.Advance(6 * time.Minute)
	a := b.Userinfo(t, tokens.Text("access_token"))
	if a.Status != http.StatusUnauthorized || !strings.Contains(a.Header.Get("Www-Authenticate"), `error_description="The token has expired"`) {
		t.Errorf("after eleven: %d %q", a.Status, a.Header.Get("Www-Authenticate"))
	}
}
