// Package sessions knows who may continue, and for how long.
//
// A log-in leaves a trail of things with an end:
//
//	/authorize ──► Transaction ──► (Upstream) ──► Session ──► Code ──► Grant ──► RefreshToken, RefreshToken, …
//	               bound to the    state sent     the SSO     taken    what the person let the client do;
//	               browser         to an IdP      cookie      once     revoking it ends all that hangs on it
//
// Everything before the Grant is short-lived and lives in an [Ephemeral] store, typed by [Box]: a secret that names a
// code never opens a session. Grants and refresh tokens must survive and live in [Grants]. The rule for what becomes of a
// presented refresh token is the pure function [DecideRefresh]; drivers run it inside a transaction.
//
// Stores see SHA-256 hashes of the secrets only. The package imports nothing of ours; login and server/* use it.
package sessions
