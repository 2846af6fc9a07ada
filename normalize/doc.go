// Package normalize turns whatever an identity provider says about a person into one normal form, the [Profile].
//
// Every provider spells people differently: GitHub has "login" and a numeric id, OpenID Connect has "sub", databases
// have our own columns. [Map] reads one [Input] (the provider's answers, untouched), finds out who the person is
// (connection and subject, never the e-mail address), renames what has another name here, drops what a provider may not
// say (tokens, protocol claims, our own fields) and keeps the rest. It is pure: no clock, no network, no store.
//
// What differs between providers is a row in strategies.go; what differs in the shape of single values is a named
// conversion in quirks.go. The attributes themselves are a table in attributes.go, which validation, sign-up, import and
// /userinfo range over. [Generate] makes the attributes that every profile has (name, nickname, picture) where nobody
// gave them, and [StandardClaims] renders a stored profile as OpenID Connect claims.
//
// Connectors make the Input; package profilestore merges the Profile into the stored user.
package normalize
