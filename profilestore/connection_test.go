package profilestore

import (
	"testing"

	"github.com/latchkey-id/latchkey/normalize"
)

func TestConnectionOf(t *testing.T) {
	for _, c := range []struct {
		name, strategy string
		options        map[string]any
		want           Connection
		editable       bool
	}{
		{"social by default", "github", nil, Connection{Kind: KindSocial, Sync: SyncEach}, false},
		{"social, frozen", "github", values{"set_user_root_attributes": "on_first_login"}, Connection{Kind: KindSocial, Sync: SyncFirst}, true},
		{"an unknown mode", "oidc", values{"set_user_root_attributes": "sometimes"}, Connection{Kind: KindEnterprise, Sync: SyncEach}, false},
		{"enterprise, never", "waad", values{"set_user_root_attributes": "never_on_login"}, Connection{Kind: KindEnterprise, Sync: SyncNever}, true},
		{"our database", "auth0", values{"requires_username": true}, Connection{Kind: KindDatabase, Sync: SyncEach, Usernames: true}, true},
		{"flexible identifiers", "auth0", values{"attributes": values{"username": values{}}}, Connection{Kind: KindDatabase, Sync: SyncEach, Usernames: true}, true},
		{"somebody else's database", "auth0", values{"enabledDatabaseCustomization": true}, Connection{Kind: KindCustomDatabase, Sync: SyncEach}, false},
		{"a database that is being moved here", "auth0", values{"enabledDatabaseCustomization": true, "import_mode": true}, Connection{Kind: KindDatabase, Sync: SyncEach}, true},
		{"e-mail codes", "email", nil, Connection{Kind: KindEmail, Sync: SyncEach}, true},
		{"text messages", "sms", nil, Connection{Kind: KindSMS, Sync: SyncEach}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Name = "conn"
			got := ConnectionOf(normalize.Connection{Name: "conn", Strategy: c.strategy, Options: c.options})
			mustEqual(t, "connection", c.want, got)
			mustEqual(t, "editable", c.editable, got.Editable())
		})
	}
}
