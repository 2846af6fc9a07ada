// Package tenant is what an administrator configures: applications, connections, APIs, grants, roles and settings.
//
// All of it is one immutable [Config]. A [Store] keeps it; a [Cache] holds the newest one in memory, so that a request
// takes one pointer with [Cache.Current] and sees one state from its first step to its last. Whoever changes something
// does it inside [Cache.Update], on a copy.
//
// Configuration arrives in two ways, which share their rules: the Management API and the tenant file. The rules about
// single nouns are the Check functions ([CheckClient], [CheckConnection] …). The file is read by [ParseFile], which finds
// every mistake at once and names its place, and turned into the next Config by [Plan], which says what will change.
//
// The package also owns the comparison of URLs with what a client registered ([MatchCallback], [MatchLogout],
// [MatchOrigin]), because what may be registered and what is matched must never drift apart.
//
// Neighbours: drivers implement Store, connectors read Connection.Options through its accessors, the login and token
// surfaces look things up in Config. The package imports none of them.
package tenant
