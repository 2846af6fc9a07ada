// Package postgres keeps everything of a Latchkey installation in PostgreSQL, for any number of nodes: people,
// configuration, signing keys, log-ins on their way, grants and the tenant log. It implements the store interfaces of
// profilestore, sessions, tenant, tokens and audit; their storetest packages hold it to what those interfaces say.
//
//	Open ── DB ── Tenant("main") ──┬─ Users      profilestore.Store     users, user_identities, user_logins
//	                               ├─ Ephemeral  sessions.Ephemeral     ephemeral
//	                               ├─ Grants     sessions.Grants        grants, refresh_tokens
//	                               ├─ Purger     sessions.Purger
//	                               ├─ Config     tenant.Store           config, config_revisions
//	                               ├─ Keys       tokens.KeyStore        signing_keys, key_revisions
//	                               ├─ Audit      audit.Store            events
//	                               └─ Watch      announcements of what Config and Keys committed
//
// All tenants share the tables. Keys of hot reads begin with the column that decides (an id, a hash), and end with the
// tenant, so no read costs more because there are more people.
//
// # Transactions
//
// Transactions are READ COMMITTED and lock the rows that they decide by: a user that was read inside one, the grant of a
// refresh token, the revision of a configuration. What was looked for and not found can't be locked; the unique keys decide
// then, and whoever comes second runs again and finds what the first one stored. Serialization failures and deadlocks, and
// connections that were lost before the commit, make a transaction run again, too. Callers never see any of them. Where
// repeating didn't help they see [ErrUnavailable], as for a database that can't be reached or written.
//
// # What is stored how
//
// Documents are JSON in columns of type text and not jsonb: jsonb rewrites numbers (1e3 becomes 1000), refuses the character
// U+0000 and forgets the order of keys. The text is the truth; beside it stand the columns that it is found by (see column
// for how they hold any string) and, in jsonb, a projection of the metadata for searches (see metadata.go).
//
// What must not be readable in a stolen database is sealed with encryption_key (internal/seal): configuration documents and
// private keys. Times are kept in microseconds, UTC.
package postgres
