package normalize

// strategy is a row of what is special about one kind of identity provider. The zero row is a custom social provider
// that speaks plain OpenID Connect.
type strategy struct {
	// name is the connection's strategy. connection narrows a row to one connection name, for the well-known providers
	// that are set up as custom social connections (strategy oauth2).
	name, connection string
	social           bool
	// scoped: user_id carries the connection's name, "strategy|connection|subject".
	scoped bool
	// numericSubject keeps a numeric id a JSON number in identities[].user_id.
	numericSubject bool
	// oidc: claims of restricted names are not mapped.
	oidc bool
	// sources finds the provider's statements, best first. Nil: userinfo, then the ID token.
	sources func(in Input) []source
	// subject lists the keys that may hold the subject, best first. Nil: sub.
	subject []string
	// rename gives upstream keys their root names.
	rename []renaming
	// ignore lists keys that always come and never mean anything here, so that they are dropped without a warning.
	ignore []string
	// handle is the upstream key with the account's name at the provider.
	handle string
	// verified decides about the e-mail address of the draft. Nil: the email_verified that came with it.
	verified func(d *draft, address claim) bool
	// adjust rewrites the merged claims where a provider's data has another shape altogether.
	adjust func(d *draft, in Input)
}

type renaming struct{ from, to string }

// source is one statement of the provider.
type source struct {
	name   string // as it stands in Profile.Fields
	claims map[string]any
	// subject overrides the row's keys.
	subject []string
}

// strategies holds the rows. It is never changed. A strategy without a row is described by defaultStrategy.
var strategies = [...]strategy{
	{name: "google-oauth2", social: true, oidc: true, ignore: []string{"updated_at"}},
	{
		name: "github", social: true, numericSubject: true, subject: []string{"id"}, handle: "login",
		rename: []renaming{{"login", "nickname"}, {"avatar_url", "picture"}},
		ignore: []string{"created_at", "updated_at"}, adjust: githubEmails,
	},
	{name: "oidc", scoped: true, oidc: true, ignore: []string{"updated_at"}, adjust: attributeMap},
	{name: "okta", scoped: true, oidc: true, ignore: []string{"updated_at"}, adjust: attributeMap},
	{name: "auth0", sources: databaseSources, adjust: takeMetadata},
	{name: "email", sources: passwordlessSources, adjust: codeReceived},
	{name: "sms", sources: passwordlessSources, adjust: codeReceived},
	{name: "oauth2", social: true, scoped: true, ignore: []string{"updated_at"}},
}

// strategyOf returns the row that describes a connection.
func strategyOf(c Connection) strategy {
	found := -1
	for i := range strategies {
		row := &strategies[i]
		if row.name != c.Strategy || row.connection != "" && row.connection != c.Name {
			continue
		}
		if found < 0 || row.connection != "" {
			found = i
		}
	}
	if found >= 0 {
		return strategies[found]
	}
	return defaultStrategy(c.Strategy)
}

// defaultStrategy describes a provider of standard OpenID Connect claims. Built-in social providers have ids of their
// own; an enterprise's ids are only unique inside its connection.
func defaultStrategy(name string) strategy {
	enterprise := isEnterprise(name)
	return strategy{name: name, social: !enterprise, scoped: enterprise, oidc: true, ignore: []string{"updated_at"}}
}

// IsSocial reports whether a connection's identities are social ones (identities[].isSocial).
func IsSocial(c Connection) bool { return strategyOf(c).social }

func isEnterprise(name string) bool {
	switch name {
	case "ad", "adfs", "auth0-adldap", "auth0-oidc", "custom", "google-apps", "ip", "mscrm", "office365", "oidc", "okta",
		"pingfederate", "samlp", "sharepoint", "waad":
		return true
	}
	return false
}
