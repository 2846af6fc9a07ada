// Package login is the one place where the hops of a log-in meet.
//
//	connector ──Assertion──► normalize.Map ──Profile──► profilestore.Merge ──User──► gate ──► audit ──► Result
//
// However somebody proves who they are (a redirect to an identity provider, a password on a page or in a grant), the proof
// becomes a connectors.Assertion and ends in [Service.Complete]. Signing up goes through [Service.SignUp]. Whether a person
// may still have what they were once given is decided by [Gate] alone: on every code, refresh and userinfo.
//
// Surfaces (server/*) call this package and turn its errors into their dialect; it knows no HTTP.
package login
