// Package sqlite keeps everything of a Latchkey installation in one SQLite file, or in memory: people, configuration,
// signing keys, log-ins on their way, grants and the tenant log. It implements the store interfaces of profilestore,
// sessions, tenant, tokens and audit; their storetest packages hold it to what those interfaces say.
//
//	Open ── DB ── Tenant("main") ──┬─ Users      profilestore.Store     users, user_identities, user_logins
//	                               ├─ Ephemeral  sessions.Ephemeral     ephemeral
//	                               ├─ Grants     sessions.Grants        grants, refresh_tokens, revocations
//	                               ├─ Purger     sessions.Purger
//	                               ├─ Config     tenant.Store           config, config_revisions
//	                               ├─ Keys       tokens.KeyStore        signing_keys
//	                               └─ Audit      audit.Store            events
//
// All tenants share the tables; each key begins with the tenant and goes on with the column that decides, so no read costs
// more because others have more people.
//
// One connection writes (see writer) and several read beside it, which write-ahead logging allows. Statements are prepared
// once per connection. A thing is stored as one JSON document beside the columns that it is found by. What must not be
// readable in a stolen file is sealed with encryption_key (internal/seal): configuration documents and private keys.
//
// Times are kept in microseconds, UTC.
package sqlite
