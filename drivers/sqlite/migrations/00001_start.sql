-- +goose Up
-- "LKEY": tells this file from other programs' databases.
PRAGMA application_id = 1280001369;

CREATE TABLE users (
    tenant            TEXT NOT NULL,
    id                TEXT NOT NULL,
    email             TEXT,
    email_lower       TEXT,
    username          TEXT,
    phone_number      TEXT,
    name_lower        TEXT,
    nickname_lower    TEXT,
    given_name_lower  TEXT,
    family_name_lower TEXT,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    last_login        INTEGER NOT NULL,
    logins_count      INTEGER NOT NULL,
    doc               TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX users_email ON users (tenant, email, created_at, id) WHERE email IS NOT NULL;
CREATE INDEX users_email_lower ON users (tenant, email_lower) WHERE email_lower IS NOT NULL;
CREATE INDEX users_username ON users (tenant, username) WHERE username IS NOT NULL;
CREATE INDEX users_phone_number ON users (tenant, phone_number) WHERE phone_number IS NOT NULL;
CREATE INDEX users_created_at ON users (tenant, created_at, id);

CREATE TABLE user_identities (
    tenant     TEXT NOT NULL,
    connection TEXT NOT NULL,
    subject    TEXT NOT NULL,
    provider   TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    PRIMARY KEY (tenant, connection, subject),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX user_identities_user ON user_identities (tenant, user_id);
CREATE INDEX user_identities_subject ON user_identities (tenant, subject, user_id);
CREATE INDEX user_identities_provider ON user_identities (tenant, provider, user_id);

CREATE TABLE user_logins (
    tenant     TEXT NOT NULL,
    connection TEXT NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    PRIMARY KEY (tenant, connection, kind, value),
    FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX user_logins_user ON user_logins (tenant, user_id);

CREATE TABLE ephemeral (
    tenant     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    key        BLOB NOT NULL,
    owner      TEXT NOT NULL,
    value      BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    takes      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX ephemeral_owner ON ephemeral (tenant, owner, kind) WHERE owner <> '';
CREATE INDEX ephemeral_expires_at ON ephemeral (tenant, expires_at);

CREATE TABLE grants (
    tenant     TEXT NOT NULL,
    id         TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    expires_at INTEGER NOT NULL, -- 0: never
    doc        TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
CREATE INDEX grants_user ON grants (tenant, user_id, client_id);
CREATE INDEX grants_client ON grants (tenant, client_id);
CREATE INDEX grants_expires_at ON grants (tenant, expires_at) WHERE expires_at > 0;

CREATE TABLE refresh_tokens (
    tenant          TEXT NOT NULL,
    hash            BLOB NOT NULL,
    grant_id        TEXT NOT NULL,
    generation      INTEGER NOT NULL,
    issued_at       INTEGER NOT NULL,
    retired_at      INTEGER NOT NULL, -- 0: a head
    last_used_at    INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL, -- 0: never
    expires_at      INTEGER NOT NULL, -- 0: never
    ends_at         INTEGER NOT NULL, -- the earlier of the two; 0: never
    PRIMARY KEY (tenant, hash),
    FOREIGN KEY (tenant, grant_id) REFERENCES grants (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_grant ON refresh_tokens (tenant, grant_id, generation);
CREATE INDEX refresh_tokens_head ON refresh_tokens (tenant, grant_id) WHERE retired_at = 0;
CREATE INDEX refresh_tokens_ends_at ON refresh_tokens (tenant, ends_at) WHERE ends_at > 0;

-- Ids of grants that ended early, so that none is created under them and askers hear why.
CREATE TABLE revocations (
    tenant     TEXT NOT NULL,
    grant_id   TEXT NOT NULL,
    expires_at INTEGER NOT NULL, -- 0: never
    PRIMARY KEY (tenant, grant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_expires_at ON revocations (tenant, expires_at) WHERE expires_at > 0;

CREATE TABLE config (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    doc    TEXT NOT NULL, -- sealed
    PRIMARY KEY (tenant, kind, id)
) STRICT;

CREATE TABLE config_revisions (
    tenant   TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    tenant     TEXT NOT NULL,
    kid        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    doc        TEXT NOT NULL,
    private    TEXT NOT NULL, -- sealed
    PRIMARY KEY (tenant, kid)
) STRICT;

CREATE TABLE events (
    tenant TEXT NOT NULL,
    id     TEXT NOT NULL,
    date   INTEGER NOT NULL,
    doc    TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_date ON events (tenant, date, id);

-- Without figures SQLite thinks that a tenant has ten rows and may choose an index for its order. These say, per index, how
-- many rows there are and how many remain for each further column: the tenant alone decides nothing.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('users', 'sqlite_autoindex_users_1', '1000000 1000000 1'),
    ('users', 'users_email', '1000000 1000000 2 1 1'),
    ('users', 'users_email_lower', '1000000 1000000 2'),
    ('users', 'users_username', '1000000 1000000 2'),
    ('users', 'users_phone_number', '1000000 1000000 2'),
    ('users', 'users_created_at', '1000000 1000000 2 1'),
    ('user_identities', 'user_identities', '1000000 1000000 100000 1'),
    ('user_identities', 'user_identities_user', '1000000 1000000 2'),
    ('user_identities', 'user_identities_subject', '1000000 1000000 2 1'),
    ('user_identities', 'user_identities_provider', '1000000 1000000 100000 1'),
    ('user_logins', 'user_logins', '1000000 1000000 500000 200000 1'),
    ('user_logins', 'user_logins_user', '1000000 1000000 2'),
    ('ephemeral', 'ephemeral', '1000000 1000000 200000 1'),
    ('ephemeral', 'ephemeral_owner', '1000000 1000000 10 5'),
    ('ephemeral', 'ephemeral_expires_at', '1000000 1000000 2'),
    ('grants', 'sqlite_autoindex_grants_1', '1000000 1000000 1'),
    ('grants', 'grants_user', '1000000 1000000 10 3'),
    ('grants', 'grants_client', '1000000 1000000 50000'),
    ('grants', 'grants_expires_at', '1000000 1000000 2'),
    ('refresh_tokens', 'refresh_tokens', '1000000 1000000 1'),
    ('refresh_tokens', 'refresh_tokens_grant', '1000000 1000000 20 2'),
    ('refresh_tokens', 'refresh_tokens_head', '1000000 1000000 1'),
    ('refresh_tokens', 'refresh_tokens_ends_at', '1000000 1000000 2'),
    ('revocations', 'revocations', '1000000 1000000 1'),
    ('revocations', 'revocations_expires_at', '1000000 1000000 2'),
    ('events', 'events', '1000000 1000000 1'),
    ('events', 'events_date', '1000000 1000000 2 1');
-- Makes the open connection use them.
ANALYZE sqlite_schema;

-- +goose Down
DROP TABLE events;
DROP TABLE signing_keys;
DROP TABLE config_revisions;
DROP TABLE config;
DROP TABLE revocations;
DROP TABLE refresh_tokens;
DROP TABLE grants;
DROP TABLE ephemeral;
DROP TABLE user_logins;
DROP TABLE user_identities;
DROP TABLE users;
PRAGMA application_id = 0;
