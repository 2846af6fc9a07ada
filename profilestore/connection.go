package profilestore

import "github.com/latchkey-id/latchkey/normalize"

// Kind is what the rules for changing a user depend on in a connection.
type Kind string

const (
	KindDatabase       Kind = "database"        // our own store, also with import mode
	KindCustomDatabase Kind = "custom-database" // somebody else's store, asked at each login
	KindEmail          Kind = "email"           // passwordless
	KindSMS            Kind = "sms"             // passwordless
	KindSocial         Kind = "social"
	KindEnterprise     Kind = "enterprise"
)

// SyncMode is options.set_user_root_attributes (Auth0: Configure Identity Provider Connection for User Profile Updates).
type SyncMode string

const (
	// SyncEach creates users and overwrites the synced attributes at each login. It is the default.
	SyncEach SyncMode = "on_each_login"
	// SyncFirst creates users and then leaves the synced attributes to the administrators.
	SyncFirst SyncMode = "on_first_login"
	// SyncNever neither creates users nor sets the synced attributes.
	SyncNever SyncMode = "never_on_login"
)

// Connection is what the rules depend on in a connection's configuration.
type Connection struct {
	Name string
	Kind Kind
	// Sync means nothing where the profile is kept by us (see Keeps).
	Sync SyncMode
	// Usernames: people of this database may have a username.
	Usernames bool
	// Disabled: no client uses the connection.
	Disabled bool
}

// ConnectionOf reads the rules from a connection's options. An unknown sync mode counts as SyncEach, Auth0's default.
func ConnectionOf(c normalize.Connection) Connection {
	conn := Connection{Name: c.Name, Sync: SyncEach, Kind: kindOf(c)}
	switch mode, _ := c.Options["set_user_root_attributes"].(string); SyncMode(mode) {
	case SyncFirst:
		conn.Sync = SyncFirst
	case SyncNever:
		conn.Sync = SyncNever
	}
	required, _ := c.Options["requires_username"].(bool)
	attributes, _ := c.Options["attributes"].(map[string]any)
	_, named := attributes["username"]
	conn.Usernames = required || named
	return conn
}

func kindOf(c normalize.Connection) Kind {
	switch c.Strategy {
	case "auth0":
		custom, _ := c.Options["enabledDatabaseCustomization"].(bool)
		imports, _ := c.Options["import_mode"].(bool)
		if custom && !imports {
			return KindCustomDatabase
		}
		return KindDatabase
	case "email":
		return KindEmail
	case "sms":
		return KindSMS
	}
	if normalize.IsSocial(c) {
		return KindSocial
	}
	return KindEnterprise
}

// Keeps reports whether the profile's only home is here, so that no login overwrites it and sync modes mean nothing.
func (c Connection) Keeps() bool {
	return c.Kind == KindDatabase || c.Kind == KindEmail || c.Kind == KindSMS
}

// Editable reports whether administrators may change the synced attributes.
func (c Connection) Editable() bool { return c.Keeps() || c.Sync != SyncEach }
