package connectors

import (
	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/tenant"
)

// NewState returns a fresh state for a visit to an identity provider.
func NewState() string { return ids.Secret() }

// Redirects tells whether people reach connections of the strategy by a redirect to an identity provider.
func Redirects(strategy string) bool {
	_, known := strategies()[strategy]
	return known && strategy != tenant.StrategyDatabase
}

// DisplayName is what people call a connection that has no display_name of its own.
func DisplayName(strategy, name string) string {
	known := map[string]string{"google-oauth2": "Google", "github": "GitHub"}
	if label, ok := known[strategy]; ok {
		return label
	}
	return name
}

// Username tells whether people of the database give a user name when they sign up, and whether they must.
func (d *Database) Username() (asked, mandatory bool) {
	return d.fields.username != off, d.fields.username == required
}

// EmailIdentifies tells whether people of the database log in by e-mail address.
func (d *Database) EmailIdentifies() bool { return d.fields.email != off }
