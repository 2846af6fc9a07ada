package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// endpoint is an address that takes a body.
type endpoint struct {
	path   string
	json   bool // its errors are JSON objects
	fields map[string]string
}

// bodies are all addresses that take a body, with a body that would be understood.
func bodies() []endpoint {
	return []endpoint{
		{"/oauth/token", true, map[string]string{"grant_type": "refresh_token", "client_id": "spa", "refresh_token": "x"}},
		{"/oauth/revoke", true, map[string]string{"client_id": "spa", "token": "x"}},
		{"/dbconnections/signup", true, map[string]string{"client_id": "spa", "connection": "db", "email": "input@example.com", "password": password}},
		{"/userinfo", true, map[string]string{"access_token": "x"}},
		{"/authorize", false, map[string]string{"client_id": "nobody"}},
		{"/u/login", false, map[string]string{"state": "x", "username": "a", "password": "b"}},
		{"/u/signup", false, map[string]string{"state": "x", "email": "input@example.com", "password": password}},
		{"/u/consent", false, map[string]string{"state": "x", "consent": "accept"}},
		{"/login/callback", false, map[string]string{"state": "x", "code": "y"}},
		{"/oidc/logout", false, map[string]string{"logout": "yes"}},
	}
}

// refused checks for an answer of 4xx in the dialect of the address.
func (e endpoint) refused(t *testing.T, what string, a blackbox.Answer) {
	t.Helper()
	if a.Status < 400 || a.Status > 499 {
		t.Errorf("%s, %s: %d %.300s", e.path, what, a.Status, a.Body)
		return
	}
	if e.json && a.JSON == nil && a.Body != "Unauthorized" {
		t.Errorf("%s, %s: no JSON: %d %.300s", e.path, what, a.Status, a.Body)
	}
	if e.json && a.JSON != nil && a.Text("error") == "" && a.Text("code") == "" {
		t.Errorf("%s, %s: no error code: %s", e.path, what, a.Body)
	}
	if !e.json && !strings.Contains(a.Header.Get("Content-Type"), "text/html") {
		t.Errorf("%s, %s: no page: %s", e.path, what, a.Header.Get("Content-Type"))
	}
	if strings.Contains(a.Body, "goroutine ") || strings.Contains(a.Body, ".go:") {
		t.Errorf("%s, %s: the answer shows code: %s", e.path, what, a.Body)
	}
}

func (e endpoint) form() string {
	values := url.Values{}
	for name, value := range e.fields {
		values.Set(name, value)
	}
	return values.Encode()
}

func (e endpoint) object(more string) string {
	var members []string
	for name, value := range e.fields {
		members = append(members, fmt.Sprintf("%q:%q", name, value))
	}
	return "{" + strings.Join(members, ",") + more + "}"
}

const formType, jsonType = "application/x-www-form-urlencoded", "application/json"

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for _, e := range bodies() {
		first := "client_id"
		for name := range e.fields {
			first = min(name, first)
		}
		if _, ok := e.fields[first]; !ok {
			for name := range e.fields {
				first = name
			}
		}
		for what, c := range map[string]struct{ kind, body string }{
			"no JSON":               {jsonType, "{"},
			"JSON and more":         {jsonType, e.object("") + "{}"},
			"a list":                {jsonType, "[]"},
			"null":                  {jsonType, "null"},
			"text":                  {jsonType, `"x"`},
			"nothing":               {jsonType, ""},
			"a key twice":           {jsonType, e.object(fmt.Sprintf(`,%q:"x"`, first))},
			"a nested key twice":    {jsonType, e.object(`,"x":{"a":1,"a":2}`)},
			"deep lists":            {jsonType, e.object(`,"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000))},
			"deep objects":          {jsonType, e.object(`,"x":` + strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500))},
			"broken UTF-8":          {jsonType, e.object(",\"x\":\"\xff\xfe\"")},
			"a lone surrogate":      {jsonType, e.object(`,"x":"\ud800"`)},
			"NUL":                   {jsonType, e.object(`,"x":"a\u0000b"`)},
			"a control character":   {jsonType, e.object(",\"x\":\"a\x01b\"")},
			"byte order mark":       {jsonType, "\ufeff" + e.object("")},
			"UTF-16":                {jsonType, "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00"},
			"1.5 MB of JSON":        {jsonType, e.object(`,"x":"` + strings.Repeat("a", 1500<<10) + `"`)},
			"1.5 MB of form":        {formType, e.form() + "&x=" + strings.Repeat("a", 1500<<10)},
			"a field twice":         {formType, e.form() + "&" + first + "=x"},
			"NUL in a field":        {formType, e.form() + "&x=%00"},
			"a broken escape":       {formType, e.form() + "&x=%zz"},
			"a semicolon":           {formType, e.form() + ";x=y"},
			"XML":                   {"application/xml", "<a/>"},
			"plain text":            {"text/plain", e.form()},
			"multipart":             {"multipart/form-data; boundary=x", "--x--"},
			"a broken content type": {"application/json; charset", e.object("")},
			"no content type's end": {"/", e.object("")},
		} {
			e.refused(t, what, b.Do(t, http.MethodPost, e.path, c.kind, c.body, nil))
		}
	}
	// Nothing of it was stored.
	a := b.PostJSON(t, "/dbconnections/signup", bodies()[2].fields)
	if a.Status != http.StatusOK {
		t.Errorf("the address of the refused sign-ups is taken: %d %s", a.Status, a.Body)
	}
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for _, path := range []string{"/authorize", "/authorize/resume", "/u/login", "/u/signup", "/u/consent", "/u/provider", "/login/callback", "/v2/logout", "/oidc/logout", "/userinfo"} {
		for _, query := range []string{
			"state=%zz", "state=a&state=b", "client_id=a&client_id=b", "state=%00", "state=%ff%fe", "a;b", "state=" + strings.Repeat("a", 20_000),
			"state='+OR+1=1--", "state=../../etc/passwd", "returnTo=x&returnTo=y", "connection=%00&state=x", "client_id=%00", "%00=a",
			"redirect_uri=https://evil.test/", "access_token=a&access_token=b", "id_token_hint=a.b.c", "state=%F0%9F%98%80",
		} {
			a := b.Do(t, http.MethodGet, path+"?"+query, "", "", nil)
			leads := a.Header.Get("Location")
			if a.Status >= 500 || strings.Contains(leads, "evil.test") || a.Status == http.StatusFound && leads == "" {
				t.Errorf("%s?%.60s: %d %q", path, query, a.Status, leads)
			}
		}
	}
	for _, query := range []string{"state=%zz", "client_id=a&client_id=b", "state=%00"} {
		for _, path := range []string{"/authorize", "/login/callback", "/v2/logout", "/oidc/logout"} {
			if a := b.Do(t, http.MethodGet, path+"?"+query, "", "", nil); a.Status != http.StatusBadRequest {
				t.Errorf("%s?%s: %d", path, query, a.Status)
			}
		}
	}
	if a := b.Do(t, http.MethodGet, "/authorize?x="+strings.Repeat("a", 2<<20), "", "", nil); a.Status < 400 || a.Status > 499 {
		t.Errorf("2 MB of query: %d", a.Status)
	}
}

func TestWrongMethods(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	allowed := map[string]string{
		"/authorize": "GET POST", "/authorize/resume": "GET", "/oauth/token": "POST OPTIONS", "/oauth/revoke": "POST OPTIONS",
		"/userinfo": "GET POST OPTIONS", "/v2/logout": "GET", "/oidc/logout": "GET POST", "/.well-known/openid-configuration": "GET OPTIONS",
		"/.well-known/jwks.json": "GET OPTIONS", "/u/login": "GET POST", "/u/signup": "GET POST", "/u/provider": "GET",
		"/u/consent": "GET POST", "/login/callback": "GET POST", "/dbconnections/signup": "POST OPTIONS", "/dev/mail.json": "GET HEAD",
		"/dev/clock": "GET HEAD POST", "/healthz": "GET", "/readyz": "GET",
	}
	for path, list := range allowed {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if strings.Contains(list, method) {
				continue
			}
			a := b.Do(t, method, path, "", "", http.Header{"X-Http-Method-Override": {"GET"}})
			if a.Status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, a.Status)
			}
		}
	}
	for _, path := range []string{"/oauth/tokens", "/oauth/token/", "//oauth/token", "/u/assets/..%2f..%2fetc%2fpasswd", "/u/assets/%2e%2e/x", "/dev/idp", "/.well-known/", "/api"} {
		if a := b.Do(t, http.MethodGet, path, "", "", nil); a.Status != http.StatusNotFound && a.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}

func TestForgedClients(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	basic := func(id, secret string) http.Header {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.BaseURL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(id, secret)
		return r.Header
	}
	grant := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}
	for name, c := range map[string]struct {
		form   url.Values
		header http.Header
		want   int
	}{
		"nobody":                {url.Values{"client_id": {"nobody"}}, nil, http.StatusUnauthorized},
		"no client":             {url.Values{}, nil, http.StatusUnauthorized},
		"no secret":             {url.Values{"client_id": {"web"}}, nil, http.StatusUnauthorized},
		"empty secret":          {url.Values{"client_id": {"web"}, "client_secret": {""}}, nil, http.StatusUnauthorized},
		"wrong secret":          {url.Values{"client_id": {"web"}, "client_secret": {webSecret + "x"}}, nil, http.StatusUnauthorized},
		"other's secret":        {url.Values{"client_id": {"web"}, "client_secret": {web2Secret}}, nil, http.StatusUnauthorized},
		"wrong basic":           {url.Values{}, basic("web", "wrong"), http.StatusUnauthorized},
		"basic without secret":  {url.Values{}, basic("web", ""), http.StatusUnauthorized},
		"public with a secret":  {url.Values{}, basic("spa", "guess"), http.StatusUnauthorized},
		"broken basic":          {url.Values{}, basic("%zz", "x"), http.StatusBadRequest},
		"two clients":           {url.Values{"client_id": {"spa"}}, basic("web", webSecret), http.StatusBadRequest},
		"two secrets":           {url.Values{"client_secret": {"x"}}, basic("web", webSecret), http.StatusBadRequest},
		"assertion of nothing":  {url.Values{"client_id": {"web"}, "client_assertion": {"x"}, "client_assertion_type": {"x"}}, nil, http.StatusUnauthorized},
		"assertion of a public": {url.Values{"client_id": {"spa"}, "client_assertion": {"a.b.c"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}, nil, http.StatusUnauthorized},
		"nobody's refresh":      {url.Values{"client_id": {"web"}, "client_secret": {webSecret}}, nil, http.StatusForbidden},
	} {
		form := url.Values{}
		for _, values := range []url.Values{grant, c.form} {
			for k, v := range values {
				form[k] = v
			}
		}
		a := b.Do(t, http.MethodPost, "/oauth/token", formType, form.Encode(), c.header)
		if a.Status != c.want || a.Text("error") == "" {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, c.want)
		}
		if _, isBasic := c.header["Authorization"]; isBasic && a.Status == http.StatusUnauthorized && !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Basic") {
			t.Errorf("%s: WWW-Authenticate is %q", name, a.Header.Get("Www-Authenticate"))
		}
	}
	// A secret in the query counts for nothing.
	query := "/oauth/token?" + url.Values{"client_id": {"web"}, "client_secret": {webSecret}}.Encode()
	if a := b.Do(t, http.MethodPost, query, formType, grant.Encode(), nil); a.Status != http.StatusUnauthorized {
		t.Errorf("secret in the query: %d", a.Status)
	}
}

func TestGrantsThatAClientDoesNotHave(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{})
	for grant, want := range map[string]string{
		"":                   "400 invalid_request: Missing required parameter: grant_type",
		"password":           "403 unauthorized_client: Grant type 'password' not allowed for the client.",
		realmGrant:           "403 unauthorized_client: Grant type '" + realmGrant + "' not allowed for the client.",
		"client_credentials": "403 unauthorized_client: Grant type 'client_credentials' not allowed for the client.",
		"implicit":           "403 unsupported_grant_type: Unsupported grant type: implicit",
		"a\r\n\"b":           "403 unsupported_grant_type: Unsupported grant type: ab",
		"urn:ietf:params:oauth:grant-type:token-exchange": "403 unsupported_grant_type: Unsupported grant type: urn:ietf:params:oauth:grant-type:token-exchange",
	} {
		if got := b.spa.Token(url.Values{"grant_type": {grant}}, nil).Error(); got != want {
			t.Errorf("%q: %s", grant, got)
		}
	}
	for _, responseType := range []string{"token", "id_token", "id_token token", "code token", "x", "code code", ""} {
		flow := b.spa.Authorize(url.Values{"response_type": {responseType}})
		page := b.browser(t).Open(flow.URL)
		want := "unsupported_response_type"
		if responseType == "" {
			want = "invalid_request"
		}
		appError(t, page, flow, want)
	}
}
