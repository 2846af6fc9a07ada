package tenant_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/tenant"
)

// The acceptance tests write their tenant file by a program: block YAML with JSON's strings, scripts in files and in
// options, grants for the Management API by client name.
func TestTheAcceptanceTestsTenantFileIsAccepted(t *testing.T) {
	file, err := tenant.ParseFile("testdata/acceptance/tenant.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Ignored) > 0 {
		t.Errorf("ignored: %v", file.Ignored)
	}
	const base = "http://127.0.0.1:3000/"
	next, _, err := tenant.Plan(&tenant.Config{}, file, tenant.ApplyOptions{Issuer: base})
	if err != nil {
		t.Fatal(err)
	}
	management := next.ClientByName("Acceptance management")
	grant := next.ClientGrantFor(management.ID, base+"api/v2/")
	known := map[string]bool{}
	for _, scope := range next.ResourceServer(base + "api/v2/").Scopes {
		known[scope.Value] = true
	}
	for _, scope := range grant.Scope {
		if !known[scope] {
			t.Errorf("the Management API has no scope %s", scope)
		}
	}
	spa := next.ClientByName("Acceptance SPA")
	if !spa.Public() || spa.RefreshToken.RotationType != "rotating" || !tenant.MatchCallback(spa.Callbacks, "http://127.0.0.1:8765/callback") {
		t.Errorf("%+v", spa)
	}
	var names []string
	for _, c := range next.ConnectionsFor(spa.ID) {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"acme", "custom", "email", "google-oauth2", "legacy", "users"}, names); diff != "" {
		t.Error(diff)
	}
	legacy := next.ConnectionByName("legacy")
	if legacy.Options["big"] != json.Number("12345678901234567890") {
		t.Errorf("number: %v", legacy.Options["big"])
	}
	if login, _ := legacy.Map("customScripts")["login"].(string); !strings.HasPrefix(login, "function login(") {
		t.Errorf("script %q", login)
	}
	script, _ := next.ConnectionByName("custom").Map("scripts")["fetchUserProfile"].(string)
	if !strings.Contains(script, `{"id":1,"name":"Tab\tNew\nline é \u0001 \"q\" \\ / "}`) {
		t.Errorf("script %q", script)
	}
	if got := next.Settings.DefaultDirectory; got != "users" {
		t.Errorf("default directory %q", got)
	}
}
