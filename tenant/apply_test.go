package tenant_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/tenant"
)

func TestApplyingAFileTellsWhatChangesAndThenNothingMore(t *testing.T) {
	next, created := plan(t, &tenant.Config{}, shop(t))
	golden(t, "shop.created.txt", lines(created))
	again, unchanged := plan(t, next, shop(t))
	for _, c := range unchanged {
		if c.Action != tenant.ActionUnchanged {
			t.Errorf("the second time: %s", c)
		}
	}
	if diff := cmp.Diff(next, again, cmpopts.IgnoreUnexported(tenant.Config{})); diff != "" {
		t.Errorf("the second time something changed:\n%s", diff)
	}
}

func TestAPartialFileTouchesOnlyWhatItNames(t *testing.T) {
	before, _ := plan(t, &tenant.Config{Revision: 7}, shop(t))
	untouched := before.Clone()
	after, changes := plan(t, before, parse(t, `
tenant: {support_email: help@shop.test, flags: null}
branding: {colors: {page_background: '#ffffff'}}
clients:
  - name: Shop
    jwt_configuration: {alg: RS256}
    sso_disabled: true
    mobile: {ios: {team_id: "10"}}
  - client_id: back-office
    name: Office
    client_secret: another-secret
connections:
  - name: github
    options: {client_id: x, client_secret: new-secret, scope: [read:user], ratio: 1}
  - name: people
    enabled_clients: [Office]
  - name: old-github
    authentication: {active: true}
resourceServers:
  - identifier: https://api.shop.test
    token_lifetime: 60
roles:
  - name: Clerk
    description: null
`))
	golden(t, "partial.diff.txt", lines(changes))
	if strings.Contains(lines(changes), "secret-") || strings.Contains(lines(changes), "new-secret") {
		t.Error("the diff shows a secret")
	}
	if diff := cmp.Diff(untouched, before, cmpopts.IgnoreUnexported(tenant.Config{})); diff != "" {
		t.Errorf("the present configuration was written to:\n%s", diff)
	}
	spa, was := after.ClientByName("Shop"), before.ClientByName("Shop")
	if spa.ID != was.ID || spa.JWT.LifetimeInSeconds != 3600 || spa.JWT.Alg != "RS256" || !cmp.Equal(spa.Callbacks, was.Callbacks) {
		t.Errorf("client: %+v", spa)
	}
	if got := after.Clients["back-office"]; got.Name != "Office" || got.Secret != "another-secret" {
		t.Errorf("client: %+v", got)
	}
	if got, was := after.ResourceServer("https://api.shop.test"), before.ResourceServer("https://api.shop.test"); got.SigningSecret != was.SigningSecret ||
		got.TokenLifetime != 60 || len(got.Scopes) != 2 {
		t.Errorf("API: %+v", got)
	}
	if after.ConnectionByName("old-github").Disabled || after.RoleByName("Clerk").Description != "" || after.Revision != 7 {
		t.Error("switching on, unsetting or the revision went wrong")
	}
}

func TestNewNounsGetAuth0sDefaults(t *testing.T) {
	next, _ := plan(t, &tenant.Config{}, shop(t))
	plain, _ := plan(t, next, parse(t, "clients: [{name: Plain}]"))
	for _, c := range []struct {
		name    string
		want    tenant.RefreshTokenSettings
		public  bool
		grants  int
		idShape string
	}{
		{"Plain", tenant.RefreshTokenSettings{
			RotationType: "non-rotating", ExpirationType: "non-expiring", TokenLifetime: 2592000,
			IdleTokenLifetime: 1296000, InfiniteTokenLifetime: true, InfiniteIdleTokenLifetime: true,
		}, false, 4, `^[A-Za-z0-9]{32}$`},
		{"Shop", tenant.RefreshTokenSettings{
			RotationType: "rotating", ExpirationType: "expiring", TokenLifetime: 2592000,
			IdleTokenLifetime: 1296000,
		}, true, 3, `^[A-Za-z0-9]{32}$`},
		{"App", tenant.RefreshTokenSettings{
			RotationType: "non-rotating", ExpirationType: "non-expiring", TokenLifetime: 2592000,
			IdleTokenLifetime: 1296000, InfiniteTokenLifetime: true, InfiniteIdleTokenLifetime: true,
		}, true, 3, `^[A-Za-z0-9]{32}$`},
		{"Site", tenant.RefreshTokenSettings{
			RotationType: "rotating", ExpirationType: "expiring", Leeway: 3, TokenLifetime: 2592000,
			IdleTokenLifetime: 1296000,
		}, false, 4, `^[A-Za-z0-9]{32}$`},
		{"Other site", tenant.RefreshTokenSettings{
			RotationType: "rotating", ExpirationType: "expiring", Leeway: 5, TokenLifetime: 2592000,
			IdleTokenLifetime: 1296000,
		}, false, 4, `^[A-Za-z0-9]{32}$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := plain.ClientByName(c.name)
			if diff := cmp.Diff(c.want, got.RefreshToken); diff != "" {
				t.Error(diff)
			}
			secret := regexp.MustCompile(`^[A-Za-z0-9]{64}$`).MatchString(got.Secret)
			if got.Public() != c.public || secret == c.public || len(got.GrantTypes) != c.grants || !got.IsFirstParty ||
				!regexp.MustCompile(c.idShape).MatchString(got.ID) {
				t.Errorf("%+v", got)
			}
		})
	}
	people := next.ConnectionByName("people")
	if people.String("passwordPolicy") != "excellent" || !people.Bool("brute_force_protection", false) || people.Int("strategy_version", 0) != 2 {
		t.Errorf("database options: %v", people.Options)
	}
	if !regexp.MustCompile(`^con_[A-Za-z0-9]{16}$`).MatchString(people.ID) || !cmp.Equal(people.Realms, []string{"people"}) {
		t.Errorf("database: %+v", people)
	}
	api := next.ResourceServer("https://api.shop.test")
	if api.TokenLifetime != 86400 || api.TokenLifetimeWeb != 7200 || len(api.SigningSecret) < 16 {
		t.Errorf("API: %+v", api)
	}
}

func TestClientsAreMeantByNameOrID(t *testing.T) {
	next, _ := plan(t, &tenant.Config{}, shop(t))
	want := []string{next.ClientByName("Shop").ID, "back-office", next.ClientByName("App").ID}
	if diff := cmp.Diff(want, next.ConnectionByName("people").EnabledClients); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:1], next.ConnectionByName("github").EnabledClients); diff != "" {
		t.Error(diff)
	}
	if next.ClientGrantFor("back-office", "https://api.shop.test") == nil || next.ClientGrantFor("back-office", issuer+"api/v2/") == nil {
		t.Error("a grant is missing")
	}
}

func TestTheManagementAPIIsAlwaysThere(t *testing.T) {
	next, changes := plan(t, &tenant.Config{}, parse(t, "roles: []"))
	api := next.ResourceServer(issuer + "api/v2/")
	if api == nil || !api.IsSystem || api.Name != tenant.ManagementAPIName || !cmp.Equal(api.Scopes, tenant.ManagementScopes()) {
		t.Fatalf("API: %+v", api)
	}
	if lines(changes) != "+ resource server https://id.test/api/v2/\n" {
		t.Error(lines(changes))
	}
	next, _ = plan(t, next, parse(t, "resourceServers: [{identifier: 'https://id.test/api/v2/', name: Mine, token_lifetime: 60, scopes: [{value: x}]}]"))
	api = next.ResourceServer(issuer + "api/v2/")
	if api.Name != tenant.ManagementAPIName || api.TokenLifetime != 60 || len(api.Scopes) != len(tenant.ManagementScopes())+1 {
		t.Errorf("API: %+v", api)
	}
}

func TestTheManagementAPIMovesWithTheIssuer(t *testing.T) {
	before, _ := plan(t, &tenant.Config{}, shop(t))
	after, changes, err := tenant.Plan(before, parse(t, "roles: []"), tenant.ApplyOptions{Issuer: "https://new.test/"})
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(changes); got != "~ resource server https://new.test/api/v2/: identifier\n" {
		t.Error(got)
	}
	if after.ResourceServer(issuer+"api/v2/") != nil || len(after.ResourceServers) != len(before.ResourceServers) {
		t.Error("the old API is still there")
	}
	if after.ClientGrantFor("back-office", "https://new.test/api/v2/") == nil {
		t.Error("the machine client lost its grant")
	}
}

func TestAnIssuerWithoutSlashIsRefused(t *testing.T) {
	if _, _, err := tenant.Plan(&tenant.Config{}, parse(t, "roles: []"), tenant.ApplyOptions{Issuer: "https://id.test"}); err == nil {
		t.Error("accepted")
	}
}

func TestAClientThatStopsBeingPublicGetsASecret(t *testing.T) {
	before, _ := plan(t, &tenant.Config{}, parse(t, "clients: [{name: a, token_endpoint_auth_method: none}]"))
	after, changes := plan(t, before, parse(t, "clients: [{name: a, token_endpoint_auth_method: client_secret_post}]"))
	if len(after.ClientByName("a").Secret) != 64 || lines(changes) != "~ client a: client_secret, token_endpoint_auth_method\n" {
		t.Errorf("%s", lines(changes))
	}
}

func TestAConfigurationThatCannotBeComparedIsAnError(t *testing.T) {
	before, _ := plan(t, &tenant.Config{}, parse(t, "connections: [{name: a, strategy: github}]"))
	before.ConnectionByName("a").Options["broken"] = json.Number("1x")
	if _, _, err := tenant.Plan(before, parse(t, "connections: [{name: a, enabled_clients: []}]"), tenant.ApplyOptions{Issuer: issuer}); err == nil {
		t.Error("accepted")
	}
}
