-- The ledger: a row a request. What reports group and sum by are columns; the whole record is in body. Money is nano-USD; NULL: unknown.
-- body is json, not jsonb: it may hold an escaped NUL, and nobody looks for what is in it.
CREATE TABLE usage_records (
    id                 text COLLATE "C" PRIMARY KEY,
    at                 timestamptz NOT NULL,
    tenant             text COLLATE "C" NOT NULL,
    key_id             text COLLATE "C" NOT NULL,
    "user"             text COLLATE "C" NOT NULL DEFAULT '',
    service            text COLLATE "C" NOT NULL DEFAULT '',
    team               text COLLATE "C" NOT NULL DEFAULT '',
    project            text COLLATE "C" NOT NULL DEFAULT '',
    asked              text COLLATE "C" NOT NULL DEFAULT '',
    provider           text COLLATE "C" NOT NULL DEFAULT '',
    model              text COLLATE "C" NOT NULL DEFAULT '',
    agent              text COLLATE "C" NOT NULL DEFAULT '',
    tags               jsonb NOT NULL DEFAULT '[]',
    failed             smallint NOT NULL DEFAULT 0,
    input_tokens       bigint NOT NULL DEFAULT 0,
    cache_read_tokens  bigint NOT NULL DEFAULT 0,
    cache_write_tokens bigint NOT NULL DEFAULT 0,
    output_tokens      bigint NOT NULL DEFAULT 0,
    cost_nanos         bigint,
    body               json NOT NULL
);
CREATE INDEX usage_by_time ON usage_records (at, id);
CREATE INDEX usage_by_tenant ON usage_records (tenant, at);
CREATE INDEX usage_by_key ON usage_records (key_id, at);
