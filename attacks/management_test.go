package attacks_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

const machineSecret = "machine-client-secret-machine-client-secret-machine"

// managedTenant adds a machine that may read and change connections and people.
var managedTenant = strings.NewReplacer("clients:\n", `clients:
  - {name: machine, client_id: machine, client_secret: `+machineSecret+`, app_type: non_interactive, oidc_conformant: true,
     is_first_party: true, token_endpoint_auth_method: client_secret_post, grant_types: [client_credentials]}
`, "clientGrants:\n", `clientGrants:
  - {client_id: machine, audience: "##LATCHKEY_ISSUER##api/v2/", scope: ["read:connections", "update:connections", "read:users", "update:users"]}
`).Replace(tenantFile)

// manage calls the Management API with a token.
func manage(t *testing.T, b *bench, token, method, path string, body any) blackbox.Answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	kind := ""
	if body != nil {
		kind = "application/json"
	} else {
		text = nil
	}
	return b.Do(t, method, "/api/v2"+path, kind, string(text), http.Header{"Authorization": {"Bearer " + token}})
}

func machineToken(t *testing.T, b *bench) string {
	t.Helper()
	b.keepSecret(machineSecret)
	a := blackbox.NewApp(t, b.Server, "machine", machineSecret, "").Token(url.Values{"grant_type": {"client_credentials"}, "audience": {b.Issuer + "api/v2/"}}, nil)
	if a.Status != http.StatusOK {
		t.Fatal(a.Error())
	}
	b.keepTokens(a)
	return a.Text("access_token")
}

func TestC43_ConnectionDisabledByAnAdministrator(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: managedTenant})
	token := machineToken(t, b)
	tokens, kept := b.tokensThroughUp(t)
	browser := b.browser(t)
	flow, callback := stopAtCallback(t, b, browser, grace())
	var found []struct {
		ID string `json:"id"`
	}
	list := manage(t, b, token, http.MethodGet, "/connections?name=up", nil)
	if err := json.Unmarshal([]byte(list.Body), &found); err != nil || len(found) != 1 {
		t.Fatalf("%v: %s", err, list.Body)
	}
	if a := manage(t, b, token, http.MethodPatch, "/connections/"+found[0].ID, map[string]any{"enabled_clients": []string{"web"}}); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	// The node that was told obeys at once.
	appError(t, browser.Open(callback), flow, "invalid_request")
	invalidGrant(t, b.spa.Refresh(tokens.Text("refresh_token"), nil))
	if got := b.Userinfo(t, tokens.Text("access_token")).Status; got != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", got)
	}
	if page := silent(t, b, kept); page.Param("error") != "login_required" {
		t.Errorf("the session of the connection still serves: %s", page.URL)
	}
}

// Tokens of one kind or API open nothing else.
func TestTokensOfPeopleDoNotManage(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: managedTenant})
	machine := machineToken(t, b)
	if a := b.Userinfo(t, machine); a.Status != http.StatusUnauthorized {
		t.Errorf("a machine at userinfo: %d %s", a.Status, a.Body)
	}
	people := b.tokens(t, b.web, url.Values{
		"audience": {b.Issuer + "api/v2/"}, "scope": {"openid read:users update:users delete:users read:current_user update:connections"},
	})
	if people.Text("scope") != "openid read:current_user" {
		t.Errorf("a person was granted %q", people.Text("scope"))
	}
	api := b.tokens(t, b.web, url.Values{"audience": {"https://api.test"}, "scope": {"openid read:things"}})
	for name, token := range map[string]string{
		"an ID token": people.Text("id_token"), "another API's token": api.Text("access_token"), "an opaque token": b.controlToken, "nothing": "",
	} {
		if a := manage(t, b, token, http.MethodGet, "/users", nil); a.Status != http.StatusUnauthorized || a.JSON["statusCode"] != json.Number("401") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, call := range map[string][2]string{
		"all people": {http.MethodGet, "/users"}, "connections": {http.MethodGet, "/connections"}, "somebody else": {http.MethodGet, "/users/auth0%7Cvictim"},
	} {
		if a := manage(t, b, people.Text("access_token"), call[0], call[1], nil); a.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// Blocking somebody ends everything they hold, wherever they are in a log-in.
func TestBlockedPeopleAreOut(t *testing.T) {
	t.Parallel()
	b := start(t, benchOptions{tenant: managedTenant})
	token := machineToken(t, b)
	browser := b.browser(t)
	flow, code := freshCode(t, b, b.spa, nil)
	flow2 := b.spa.Authorize(nil)
	tokens := b.spa.Exchange(flow2, b.signIn(t, browser, flow2).Param("code"), nil)
	b.keepTokens(tokens)
	_, claims := blackbox.Claims(t, tokens.Text("id_token"))
	sub, _ := claims["sub"].(string)
	if a := manage(t, b, token, http.MethodPatch, "/users/"+url.PathEscape(sub), map[string]any{"blocked": true}); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if got := b.Userinfo(t, tokens.Text("access_token")).Status; got != http.StatusUnauthorized {
		t.Errorf("userinfo: %d", got)
	}
	if a := b.spa.Refresh(tokens.Text("refresh_token"), nil); a.Status != http.StatusForbidden {
		t.Errorf("refresh: %s", a.Error())
	}
	if a := b.spa.Exchange(flow, code, nil); a.Status != http.StatusForbidden || a.Text("access_token") != "" {
		t.Errorf("a code from before: %d %s", a.Status, a.Body)
	}
	if page := silent(t, b, browser); page.Param("error") != "login_required" {
		t.Errorf("the session serves: %s", page.URL)
	}
	// Only the right password learns that the account is blocked.
	ropg := func(secret string) string {
		return b.web.Token(url.Values{"grant_type": {realmGrant}, "realm": {"db"}, "username": {"ada@example.com"}, "password": {secret}}, nil).Error()
	}
	if got := ropg("wrong"); got != "403 invalid_grant: Wrong email or password." {
		t.Errorf("wrong password: %s", got)
	}
	if got := ropg(password); got != "403 unauthorized: user is blocked" {
		t.Errorf("right password: %s", got)
	}
}
