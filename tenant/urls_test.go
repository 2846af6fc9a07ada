package tenant_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/tenant"
)

func TestCallbacksMatchInFullOrNotAtAll(t *testing.T) {
	app := []string{"https://app.test/cb"}
	for _, c := range []struct {
		why   string
		list  []string
		given string
		want  bool
	}{
		{"itself", app, "https://app.test/cb", true},
		{"one of several", []string{"https://a.test/", "https://app.test/cb"}, "https://app.test/cb", true},
		{"nothing registered", nil, "https://app.test/cb", false},
		{"empty", app, "", false},
		{"suffixed host", app, "https://app.test.evil.test/cb", false},
		{"prefixed host", app, "https://evilapp.test/cb", false},
		{"a dot is a dot", []string{"https://a.b.test/cb"}, "https://aXb.test/cb", false},
		{"another port", app, "https://app.test:8443/cb", false},
		{"the default port spelled out", app, "https://app.test:443/cb", false},
		{"an empty port", app, "https://app.test:/cb", false},
		{"our host as user", app, "https://app.test@evil.test/cb", false},
		{"user information", app, "https://evil@app.test/cb", false},
		{"registered user information", []string{"https://u@app.test/cb"}, "https://u@app.test/cb", false},
		{"backslash before @", app, `https://app.test\@evil.test/cb`, false},
		{"encoded traversal", app, "https://app.test/cb/..%2fevil", false},
		{"encoded slash", app, "https://app.test/cb%2f..", false},
		{"encoded dots", app, "https://app.test/cb/%2e%2e/", false},
		{"doubly encoded", app, "https://app.test/cb%252f..", false},
		{"path parameters", app, "https://app.test/cb/..;/x", false},
		{"dot segments", app, "https://app.test/x/../cb", false},
		{"a percent sign for a letter", app, "https://app.test/c%62", false},
		{"fragment", app, "https://app.test/cb#x", false},
		{"empty fragment", app, "https://app.test/cb#", false},
		{"registered fragment", []string{"https://app.test/cb#x"}, "https://app.test/cb#x", false},
		{"query added", app, "https://app.test/cb?x=1", false},
		{"query as registered", []string{"https://app.test/cb?x=1"}, "https://app.test/cb?x=1", true},
		{"trailing slash", app, "https://app.test/cb/", false},
		{"no path is not the root path", []string{"https://app.test/"}, "https://app.test", false},
		{"scheme in capitals", app, "HTTPS://app.test/cb", true},
		{"other scheme", app, "http://app.test/cb", false},
		{"host in capitals", app, "https://APP.test/cb", true},
		{"path in capitals", app, "https://app.test/CB", false},
		{"dotted host", app, "https://app.test./cb", false},
		{"javascript, even registered", []string{"javascript:alert(1)"}, "javascript:alert(1)", false},
		{"data, even registered", []string{"data:text/html,x"}, "data:text/html,x", false},
		{"file, even registered", []string{"file:///etc/passwd"}, "file:///etc/passwd", false},
		{"vbscript in capitals", []string{"VBScript:x"}, "VBScript:x", false},
		{"unregistered app scheme", app, "app:/x", false},
		{"app scheme", []string{"com.example.app:/cb"}, "com.example.app:/cb", true},
		{"app scheme, other path", []string{"com.example.app:/cb"}, "com.example.app:/cb2", false},
		{"app scheme with host", []string{"com.example.app://tenant.test/ios/cb"}, "com.example.app://tenant.test/ios/cb", true},
		{"one label for *", []string{"https://*.app.test/cb"}, "https://a.app.test/cb", true},
		{"two labels for *", []string{"https://*.app.test/cb"}, "https://b.a.app.test/cb", false},
		{"no label for *", []string{"https://*.app.test/cb"}, "https://app.test/cb", false},
		{"empty label for *", []string{"https://*.app.test/cb"}, "https://.app.test/cb", false},
		{"* with suffix host", []string{"https://*.app.test/cb"}, "https://a.app.test.evil.test/cb", false},
		{"* literally", []string{"https://*.app.test/cb"}, "https://*.app.test/cb", false},
		{"* over a slash", []string{"https://*.app.test/cb"}, "https://evil.test/.app.test/cb", false},
		{"* over a query", []string{"https://*.app.test/cb"}, "https://evil.test?.app.test/cb", false},
		{"* with other port", []string{"https://*.app.test/cb"}, "https://a.app.test:444/cb", false},
		{"* with prefix and suffix", []string{"https://pre-*-suf.app.test/cb"}, "https://PRE-x1-suf.app.test/cb", true},
		{"* between prefix and suffix empty", []string{"https://pre-*-suf.app.test/cb"}, "https://pre--suf.app.test/cb", false},
		{"overlapping prefix and suffix", []string{"https://aa*aa.app.test/cb"}, "https://aaa.app.test/cb", false},
		{"* on a TLD, even registered", []string{"https://*.test/cb"}, "https://app.test/cb", false},
		{"* in the path, even registered", []string{"https://app.test/*"}, "https://app.test/*", false},
		{"* in a later label", []string{"https://a.*.app.test/"}, "https://a.b.app.test/", false},
		{"CR LF", app, "https://app.test/cb\r\nSet-Cookie:x", false},
		{"NUL", app, "https://app.test/cb\x00", false},
		{"tab in host", app, "https://app\t.test/cb", false},
		{"newline in scheme", app, "https\n://app.test/cb", false},
		{"leading blank", app, " https://app.test/cb", false},
		{"scheme-relative", app, "//app.test/cb", false},
		{"one slash", app, "https:/app.test/cb", false},
		{"no slash", app, "https:app.test/cb", false},
		{"three slashes", app, "https:///app.test/cb", false},
		{"full-width dot", app, "https://app\uff0etest/cb", false},
		{"loopback, any port", []string{"http://127.0.0.1/cb"}, "http://127.0.0.1:51004/cb", true},
		{"loopback, other port than registered", []string{"http://127.0.0.1:8765/cb"}, "http://127.0.0.1:51004/cb", true},
		{"IPv6 loopback, any port", []string{"http://[::1]/cb"}, "http://[::1]:51004/cb", true},
		{"loopback, other path", []string{"http://127.0.0.1/cb"}, "http://127.0.0.1:51004/x", false},
		{"loopback, port out of range", []string{"http://127.0.0.1/cb"}, "http://127.0.0.1:99999/cb", false},
		{"loopback as user", []string{"http://127.0.0.1/cb"}, "http://127.0.0.1:80@evil.test/cb", false},
		{"loopback as prefix", []string{"http://127.0.0.1/cb"}, "http://127.0.0.1.evil.test/cb", false},
		{"loopback spelled otherwise", []string{"http://127.0.0.1/cb"}, "http://127.1:8000/cb", false},
		{"https loopback, other port", []string{"https://127.0.0.1/cb"}, "https://127.0.0.1:8443/cb", false},
		{"localhost is a name, not an address", []string{"http://localhost/cb"}, "http://localhost:8000/cb", false},
		{"zone", []string{"http://[::1]/cb"}, "http://[::1%25eth0]:80/cb", false},
	} {
		t.Run(c.why, func(t *testing.T) {
			if got := tenant.MatchCallback(c.list, c.given); got != c.want {
				t.Errorf("MatchCallback(%q, %q) = %t", c.list, c.given, got)
			}
		})
	}
}

func TestLogoutURLsIgnoreQueryAndFragmentOnly(t *testing.T) {
	list := []string{"https://app.test", "https://app.test/bye", "https://*.app.test/out", "http://127.0.0.1:8765/"}
	for given, want := range map[string]bool{
		"https://app.test":                   true,
		"https://app.test?a=1#b":             true,
		"https://app.test/bye?a=1":           true,
		"https://APP.test/bye#x":             true,
		"https://app.test/":                  false,
		"https://app.test/BYE":               false,
		"https://x.app.test/out?y":           true,
		"https://x.y.app.test/out":           false,
		"http://127.0.0.1:8765/":             true,
		"http://127.0.0.1:1/":                false,
		"//evil.test":                        false,
		"/\\evil":                            false,
		"https:evil.test":                    false,
		"\t//evil":                           false,
		"https://evil.test?https://app.test": false,
		"https://app.test@evil.test":         false,
		"https://evil.test#@app.test":        false,
		"/bye":                               false,
		"":                                   false,
		"null":                               false,
	} {
		if got := tenant.MatchLogout(list, given); got != want {
			t.Errorf("MatchLogout(%q) = %t, want %t", given, got, want)
		}
	}
}

func TestOriginsMatchBySchemeHostAndPort(t *testing.T) {
	list := []string{"https://app.test", "http://localhost:3000/", "https://*.app.test", "https://late.test:443", "capacitor://localhost"}
	for origin, want := range map[string]bool{
		"https://app.test":            true,
		"https://APP.test":            true,
		"https://app.test:443":        true,
		"https://late.test":           true,
		"http://app.test":             false,
		"https://app.test:8443":       false,
		"http://localhost:3000":       true,
		"http://localhost":            false,
		"https://a.app.test":          true,
		"https://a.b.app.test":        false,
		"https://app.test.evil.test":  false,
		"https://app.test/":           false,
		"https://app.test/x":          false,
		"https://evil.test@app.test":  false,
		"capacitor://localhost":       true,
		"null":                        false,
		"":                            false,
		"https://app.test, https://x": false,
	} {
		if got := tenant.MatchOrigin(list, origin); got != want {
			t.Errorf("MatchOrigin(%q) = %t, want %t", origin, got, want)
		}
	}
}

func TestOriginOf(t *testing.T) {
	for given, want := range map[string]string{
		"https://App.test/cb?x#y":     "https://app.test",
		"https://app.test:443/":       "https://app.test",
		"http://127.0.0.1:8765/cb":    "http://127.0.0.1:8765",
		"http://[::1]:80/":            "http://[::1]",
		"https://*.app.test/cb":       "https://*.app.test",
		"com.example.app:/cb":         "",
		"com.example.app:///cb":       "",
		"javascript:alert(1)":         "",
		"/cb":                         "",
		"https://u:p@app.test/cb":     "",
		"capacitor://localhost/index": "capacitor://localhost",
	} {
		if got := tenant.OriginOf(given); got != want {
			t.Errorf("OriginOf(%q) = %q, want %q", given, got, want)
		}
	}
}

// What matches must lead a browser to the registered host: net/url, as an independent parser, has to agree.
func FuzzMatchCallback(f *testing.F) {
	for _, seed := range []string{"https://app.test/cb", "https://a.wild.test/cb", "http://127.0.0.1:1/cb", `https://app.test\@e/cb`, "com.example.app:/cb"} {
		f.Add(seed)
	}
	list := []string{"https://app.test/cb", "https://*.wild.test/cb", "http://127.0.0.1/cb", "com.example.app:/cb"}
	f.Fuzz(func(t *testing.T, given string) {
		if !tenant.MatchCallback(list, given) {
			return
		}
		u, err := url.Parse(given)
		if err != nil {
			t.Fatalf("%q matches but is no URL: %v", given, err)
		}
		host := strings.ToLower(u.Hostname())
		known := host == "app.test" || host == "127.0.0.1" || u.Scheme == "com.example.app" ||
			strings.HasSuffix(host, ".wild.test") && strings.Count(host, ".") == 2
		if !known || u.User != nil || u.Path != "/cb" || u.RawQuery != "" || strings.ContainsAny(given, "#\\\r\n\t ") {
			t.Errorf("%q matches", given)
		}
	})
}
