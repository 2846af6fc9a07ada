package blackbox_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

func TestMain(m *testing.M) { os.Exit(blackbox.Main(m)) }

const tenant = `
clients:
  - {name: App, client_id: app, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["https://app.test/cb"], grant_types: [authorization_code, refresh_token]}
connections:
  - name: up
    strategy: oidc
    enabled_clients: [App]
    options: {type: back_channel, client_id: c, client_secret: s, issuer: "https://idp.test", scope: openid profile email}
`

func TestAPersonLogsInThroughTheUpstream(t *testing.T) {
	for _, secure := range []bool{false, true} {
		upstream := blackbox.NewUpstream(t)
		upstream.Register("ada", blackbox.Person{Claims: map[string]any{"sub": "1", "email": "ada@example.com"}})
		s := blackbox.Start(t, blackbox.Options{Tenant: tenant, Upstream: upstream.URL, TLS: secure})
		app := blackbox.NewApp(t, s, "app", "", "https://app.test/cb")
		browser := blackbox.NewBrowser(t, s, "https://app.test/")
		flow := app.Authorize(url.Values{"connection": {"up"}, "login_hint": {"ada"}})
		page := browser.Open(flow.URL)
		if !page.App || page.Param("state") != flow.State {
			t.Fatalf("the browser is at %s:\n%s\n%s", page.URL, strings.Join(browser.Trail(), "\n"), page.Body)
		}
		tokens := app.Exchange(flow, page.Param("code"), nil)
		if tokens.Status != http.StatusOK {
			t.Fatal(tokens.Error())
		}
		if got := s.Userinfo(t, tokens.Text("access_token")).Text("email"); got != "ada@example.com" {
			t.Errorf("userinfo says %q", got)
		}
		for _, set := range browser.SetCookies() {
			if set.Refused != "" {
				t.Errorf("cookie %s would be dropped: %s", set.Cookie.Name, set.Refused)
			}
		}
	}
}

func TestStateOutlivesACrash(t *testing.T) {
	s := blackbox.Start(t, blackbox.Options{})
	issuer, pid := s.Issuer, s.Pid()
	s.Kill()
	if s.Alive() {
		t.Fatal("the process is alive after a kill")
	}
	s.Restart()
	if s.Issuer != issuer || s.Pid() == pid {
		t.Errorf("restarted at %s as %d, was at %s as %d", s.Issuer, s.Pid(), issuer, pid)
	}
	s.Advance(time.Hour)
	if ahead := time.Until(s.Now()); ahead < 59*time.Minute {
		t.Errorf("the clock is %s ahead", ahead)
	}
	if printed := s.Run("keys", "rotate"); !strings.Contains(printed, "signing with") {
		t.Errorf("keys rotate printed %q", printed)
	}
	s.Stop()
	if s.Alive() {
		t.Error("the process is alive after a stop")
	}
}
