// Package profilestore holds the stored user: one person's normalized profile, the identities that lead to it, the
// metadata beside it, and the rules by which each of them may change.
//
// The rules are pure functions from a user to a changed copy. [Merge] brings in what an identity provider said at a login
// (the sync modes), [Patch] what an administrator wants, [Link] and [Unlink] join accounts and part them; [Render] shows a
// user as the Management API does. Every root attribute has a [Provenance]: who gave it, when, and whether the identity
// provider will overwrite it.
//
// Callers run these rules inside a driver's transaction ([Writer.Write]). Drivers implement [Store] and know nothing of
// the rules; package normalize makes the profiles.
package profilestore
