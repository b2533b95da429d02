-- Everything of the record store but usage. Ids compare by bytes (COLLATE "C"), as pages do in the other stores.
CREATE TABLE keys (
    key_id     text COLLATE "C" PRIMARY KEY,
    tenant     text NOT NULL,
    role       text NOT NULL,
    name       text NOT NULL DEFAULT '',
    status     text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used  timestamptz,
    key_hash   text NOT NULL,
    scopes     jsonb NOT NULL DEFAULT '[]',
    models     jsonb,
    metadata   jsonb NOT NULL DEFAULT '{}',
    version    bigint NOT NULL DEFAULT 1,
    more       jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX keys_by_tenant ON keys (tenant, key_id);
CREATE INDEX keys_by_hash ON keys (key_hash);

-- The few single values that belong to the store itself.
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- Answers of the Responses API that were issued; `kept`: the content of those that no provider keeps.
CREATE TABLE responses (
    tenant      text NOT NULL,
    response_id text NOT NULL,
    key_id      text NOT NULL,
    asked       text NOT NULL,
    provider    text NOT NULL,
    model       text NOT NULL,
    account     text NOT NULL DEFAULT '',
    at_provider boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    kept        bytea,
    PRIMARY KEY (tenant, response_id)
);
CREATE INDEX responses_by_expiry ON responses (expires_at);

-- What the admin API has laid over the configuration, whole, by version; the greatest is in force, earlier ones show who changed what.
CREATE TABLE overlays (
    version   bigint PRIMARY KEY,
    document  jsonb NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now()
);

-- Usage plans: whose they are, and one document of what they permit and limit.
CREATE TABLE plans (
    tenant      text NOT NULL,
    entity_type text NOT NULL,
    entity_id   text NOT NULL,
    usage_id    text COLLATE "C" NOT NULL UNIQUE,
    active      boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL,
    version     bigint NOT NULL DEFAULT 1,
    document    jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, entity_type, entity_id)
);
