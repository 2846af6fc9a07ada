package tenant_test

import (
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/tenant"
)

func problemPaths(list []tenant.Problem) string {
	var paths []string
	for _, p := range list {
		paths = append(paths, p.Path)
	}
	return strings.Join(paths, " ")
}

func TestURLsThatMayBeRegistered(t *testing.T) {
	for url, allowed := range map[string]bool{
		"https://app.test/cb":                    true,
		"https://app.test":                       true,
		"https://app.test:8443/cb?x=1":           true,
		"http://localhost:3000/cb":               true,
		"http://127.0.0.1/cb":                    true,
		"http://[::1]:80/cb":                     true,
		"https://*.app.test/cb":                  true,
		"https://pre-*-suf.app.test/cb":          true,
		"https://{organization_name}.app.test/":  true,
		"com.example.app:/cb":                    true,
		"com.example.app://tenant.test/ios/cb":   true,
		"shopapp://callback":                     true,
		"https://app.test/cb#x":                  false,
		"https://app.test/cb#":                   false,
		"javascript:alert(1)":                    false,
		"JavaScript://app.test/%0aalert(1)":      false,
		"data:text/html,x":                       false,
		"vbscript:x":                             false,
		"file:///etc/passwd":                     false,
		"blob:https://app.test/x":                false,
		"app:/x":                                 false,
		"https://*.test/cb":                      false,
		"https://*/cb":                           false,
		"https://a.*.app.test/cb":                false,
		"https://*.*.app.test/cb":                false,
		"https://**.app.test/cb":                 false,
		"https://app.test/*":                     false,
		"https://app.test/?x=*":                  false,
		"https://*.0.0.1/cb":                     false,
		"com.example.app://*.app.test/cb":        false,
		"https://*.app..test/cb":                 false,
		"https://app.test@evil.test/cb":          false,
		`https://app.test\@evil.test/cb`:         false,
		"https://app.test/cb\r\nSet-Cookie: x":   false,
		"https://app.test/a b":                   false,
		"https://{organization_name}.com/":       false,
		"https://x{organization_name}.app.test/": false,
		"https:app.test":                         false,
		"//app.test/cb":                          false,
		"/cb":                                    false,
		"":                                       false,
		"https://":                               false,
		"https://app.test:99999/":                false,
		"https://2130706433/":                    false,
		"https://bücher.test/":                   false,
	} {
		client := &tenant.Client{ID: "a", Name: "a", Secret: "s", Callbacks: []string{url}, AllowedLogoutURLs: []string{url}}
		want := "callbacks[0] allowed_logout_urls[0]"
		if allowed {
			want = ""
		}
		if got := problemPaths(tenant.CheckClient(client)); got != want {
			t.Errorf("%q: problems at %q, want %q", url, got, want)
		}
	}
}

func TestOriginsThatMayBeRegistered(t *testing.T) {
	for origin, allowed := range map[string]bool{
		"https://app.test": true, "https://app.test/": true, "http://localhost:3000": true, "https://*.app.test": true,
		"capacitor://localhost": true, "https://app.test/x": false, "https://app.test?x": false, "null": false, "*": false,
		"https://*": false, "com.example.app:/": false,
	} {
		client := &tenant.Client{ID: "a", Name: "a", Secret: "s", WebOrigins: []string{origin}, AllowedOrigins: []string{origin}}
		if got := problemPaths(tenant.CheckClient(client)); (got == "") != allowed {
			t.Errorf("%q: problems at %q", origin, got)
		}
	}
}

// What may be registered matches itself, and nothing that may not be registered matches at all.
func FuzzRegistrationAndMatchingAgree(f *testing.F) {
	for _, seed := range []string{"https://app.test/cb", "https://*.app.test/cb", "app:/x", "a.b:/c", "http://[::1]/", "https://a/#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if len(url) > 2048 || strings.ContainsAny(url, "*{") {
			t.Skip("placeholders stand for something else")
		}
		client := &tenant.Client{ID: "a", Name: "a", Secret: "s", Callbacks: []string{url}}
		if len(tenant.CheckClient(client)) == 0 && !tenant.MatchCallback([]string{url}, url) {
			t.Errorf("%q may be registered but never matches", url)
		}
		if tenant.MatchCallback([]string{"https://app.test/cb"}, url) && len(tenant.CheckClient(client)) > 0 {
			t.Errorf("%q matches but may not be registered", url)
		}
	})
}

func TestClientsNeedNameIDAndSecret(t *testing.T) {
	for _, c := range []struct {
		client tenant.Client
		want   string
	}{
		{tenant.Client{}, "name client_id client_secret"},
		{tenant.Client{ID: "a", Name: "a", TokenEndpointAuthMethod: "none"}, ""},
		{tenant.Client{ID: "a", Name: "a", Authentication: &tenant.ClientAuthentication{}}, ""},
		{
			tenant.Client{ID: "a", Name: "a", Secret: "s", TokenEndpointAuthMethod: "none", Authentication: &tenant.ClientAuthentication{}},
			"client_authentication_methods",
		},
		{tenant.Client{ID: "a", Name: "a", Secret: "s", ClientMetadata: map[string]string{"k": strings.Repeat("ä", 255)}}, ""},
		{tenant.Client{ID: "a", Name: "a", Secret: "s", ClientMetadata: map[string]string{"k": strings.Repeat("ä", 256)}}, "client_metadata.k"},
		{tenant.Client{ID: "a", Name: "a", Secret: "s", Description: strings.Repeat("x", 141)}, "description"},
	} {
		if got := problemPaths(tenant.CheckClient(&c.client)); got != c.want {
			t.Errorf("%+v: problems at %q, want %q", c.client, got, c.want)
		}
	}
}

func TestConnectionsAPIsAndSettings(t *testing.T) {
	strategies := map[string]bool{"github": true}
	for name, allowed := range map[string]bool{
		"github": true, "a-b-C1": true, "": false, "-a": false, "a--b": false, "a_b": false, "ä": false, strings.Repeat("a", 129): false,
	} {
		if got := tenant.CheckConnection(&tenant.Connection{Name: name, Strategy: "github"}, strategies); (len(got) == 0) != allowed {
			t.Errorf("connection %q: %v", name, got)
		}
	}
	if got := problemPaths(tenant.CheckConnection(&tenant.Connection{Name: "a", Strategy: "x"}, strategies)); got != "strategy" {
		t.Errorf("problems at %q", got)
	}
	for _, c := range []struct {
		api  tenant.ResourceServer
		want string
	}{
		{tenant.ResourceServer{Identifier: "x", SigningAlg: "HS256", SigningSecret: "0123456789abcdef"}, ""},
		{tenant.ResourceServer{Identifier: "x", SigningAlg: "HS256", SigningSecret: "0123456789abcde"}, "signing_secret"},
		{tenant.ResourceServer{Identifier: "x", SigningAlg: "HS256"}, "signing_secret"},
		{tenant.ResourceServer{SigningAlg: "none", TokenLifetime: -1}, "identifier signing_alg token_lifetime"},
		{tenant.ResourceServer{Identifier: "x", Scopes: []tenant.Scope{{Value: `a"b`}, {Value: ""}}}, "scopes[0].value scopes[1].value"},
	} {
		if got := problemPaths(tenant.CheckResourceServer(&c.api)); got != c.want {
			t.Errorf("%+v: problems at %q, want %q", c.api, got, c.want)
		}
	}
	settings := &tenant.Settings{SessionLifetime: -1, DefaultRedirectionURI: "http://a.test/", AllowedLogoutURLs: []string{"//x"}}
	settings.Branding.Colors.Primary = "url(x)"
	if got := problemPaths(tenant.CheckSettings(settings)); got != "allowed_logout_urls[0] branding.colors.primary default_redirection_uri session_lifetime" {
		t.Errorf("problems at %q", got)
	}
}
