// Package tokens makes and checks what an application carries away from a login: signed ID and access tokens (JWT), and
// opaque access tokens that only this server can read.
//
// A Keyring holds the tenant's signing keys, parsed, in a snapshot that requests read without a lock. Each algorithm has
// one key that signs, one that waits (published early, so that verifiers know it before it signs), and those that were
// replaced and still verify for a while. Rotate, Revoke and the first start change the stored keys in one transaction of
// the KeyStore; other nodes follow by Reload. Which claims a token has is decided by the callers; this package knows which
// names scripts and rules may not touch (MergeCustom).
//
// Nothing here reads a token without checking it first: there is no function that returns unverified claims.
package tokens
