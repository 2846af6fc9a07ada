-- +goose Up
-- Every text is compared by its bytes (COLLATE "C"): the order is the same on every machine, and an upgrade of its
-- language data can't break an index.

CREATE TABLE users (
    tenant            text COLLATE "C" NOT NULL,
    id                text COLLATE "C" NOT NULL,
    email             text COLLATE "C",
    email_lower       text COLLATE "C",
    email_verified    text COLLATE "C",
    username          text COLLATE "C",
    phone_number      text COLLATE "C",
    name_lower        text COLLATE "C",
    nickname_lower    text COLLATE "C",
    given_name_lower  text COLLATE "C",
    family_name_lower text COLLATE "C",
    blocked           text COLLATE "C",
    last_ip           text COLLATE "C",
    first_connection  text COLLATE "C",
    first_provider    text COLLATE "C",
    first_subject     text COLLATE "C",
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    last_login        bigint NOT NULL,
    logins_count      bigint NOT NULL,
    metadata          jsonb NOT NULL, -- for searches only, see metadata.go
    doc               text COLLATE "C" NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id, tenant)
);
CREATE INDEX users_email ON users (email, tenant, created_at, id) WHERE email IS NOT NULL;
CREATE INDEX users_email_lower ON users (email_lower, tenant) WHERE email_lower IS NOT NULL;
CREATE INDEX users_username ON users (username, tenant) WHERE username IS NOT NULL;
CREATE INDEX users_phone_number ON users (phone_number, tenant) WHERE phone_number IS NOT NULL;
CREATE INDEX users_created_at ON users (tenant, created_at, id);
CREATE INDEX users_metadata ON users USING gin (metadata jsonb_path_ops);

CREATE TABLE user_identities (
    tenant     text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    provider   text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    CONSTRAINT user_identities_pkey PRIMARY KEY (subject, connection, tenant),
    FOREIGN KEY (user_id, tenant) REFERENCES users (id, tenant) ON DELETE CASCADE
);
CREATE INDEX user_identities_user ON user_identities (user_id, tenant);
-- On an expression, so that only searches by connection can use it. Without figures about a young table PostgreSQL would
-- take it for looking up an identity, too, and read everybody of the connection.
CREATE INDEX user_identities_connection ON user_identities ((connection || ''), tenant, user_id);
CREATE INDEX user_identities_provider ON user_identities (provider, tenant, user_id);

CREATE TABLE user_logins (
    tenant     text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    CONSTRAINT user_logins_pkey PRIMARY KEY (value, connection, kind, tenant),
    FOREIGN KEY (user_id, tenant) REFERENCES users (id, tenant) ON DELETE CASCADE
);
CREATE INDEX user_logins_user ON user_logins (user_id, tenant);

CREATE TABLE ephemeral (
    tenant     text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    key        bytea NOT NULL,
    owner      bytea NOT NULL,
    owner_key  text COLLATE "C" NOT NULL, -- owner as a column that can be indexed; '': nobody's
    value      bytea NOT NULL,
    expires_at bigint NOT NULL,
    taken      boolean NOT NULL DEFAULT false,
    CONSTRAINT ephemeral_pkey PRIMARY KEY (key, kind, tenant)
);
CREATE INDEX ephemeral_owner ON ephemeral (owner_key, kind, tenant) WHERE owner_key <> '';
CREATE INDEX ephemeral_expires_at ON ephemeral (tenant, expires_at);

-- A revoked grant stays as a row without content until its end, also one that was revoked before it was made: so the
-- primary key decides between making and revoking.
CREATE TABLE grants (
    tenant     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    client_id  text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL, -- 0: never
    revoked    boolean NOT NULL DEFAULT false,
    doc        text COLLATE "C" NOT NULL,
    CONSTRAINT grants_pkey PRIMARY KEY (id, tenant)
);
CREATE INDEX grants_user ON grants (user_id, tenant, client_id) WHERE NOT revoked;
CREATE INDEX grants_client ON grants (client_id, tenant) WHERE NOT revoked;
CREATE INDEX grants_expires_at ON grants (tenant, expires_at) WHERE expires_at > 0;

CREATE TABLE refresh_tokens (
    tenant          text COLLATE "C" NOT NULL,
    hash            bytea NOT NULL,
    grant_id        text COLLATE "C" NOT NULL,
    generation      bigint NOT NULL,
    issued_at       bigint NOT NULL,
    retired_at      bigint NOT NULL, -- 0: a head
    last_used_at    bigint NOT NULL,
    idle_expires_at bigint NOT NULL, -- 0: never
    expires_at      bigint NOT NULL, -- 0: never
    ends_at         bigint NOT NULL, -- the earlier of the two; 0: never
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash, tenant),
    FOREIGN KEY (grant_id, tenant) REFERENCES grants (id, tenant) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id, tenant, generation);
CREATE INDEX refresh_tokens_ends_at ON refresh_tokens (tenant, ends_at) WHERE ends_at > 0;

CREATE TABLE config (
    tenant text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL,
    id     text COLLATE "C" NOT NULL,
    name   bytea NOT NULL,            -- the id as it is
    doc    text COLLATE "C" NOT NULL, -- sealed
    CONSTRAINT config_pkey PRIMARY KEY (tenant, kind, id)
);

-- The row of a tenant is locked by whoever changes its configuration.
CREATE TABLE config_revisions (
    tenant   text COLLATE "C" NOT NULL PRIMARY KEY,
    revision bigint NOT NULL
);

CREATE TABLE signing_keys (
    tenant     text COLLATE "C" NOT NULL,
    kid        text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    doc        text COLLATE "C" NOT NULL,
    private    text COLLATE "C" NOT NULL, -- sealed
    CONSTRAINT signing_keys_pkey PRIMARY KEY (tenant, kid)
);

-- The row of a tenant is locked by whoever changes its signing keys.
CREATE TABLE key_revisions (
    tenant   text COLLATE "C" NOT NULL PRIMARY KEY,
    revision bigint NOT NULL
);

CREATE TABLE events (
    tenant text COLLATE "C" NOT NULL,
    id     text COLLATE "C" NOT NULL,
    date   bigint NOT NULL,
    doc    text COLLATE "C" NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (tenant, id)
);
CREATE INDEX events_date ON events (tenant, date, id);

-- +goose Down
DROP TABLE events;
DROP TABLE key_revisions;
DROP TABLE signing_keys;
DROP TABLE config_revisions;
DROP TABLE config;
DROP TABLE refresh_tokens;
DROP TABLE grants;
DROP TABLE ephemeral;
DROP TABLE user_logins;
DROP TABLE user_identities;
DROP TABLE users;
