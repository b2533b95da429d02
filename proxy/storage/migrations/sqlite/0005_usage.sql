-- The ledger: a row a request. What reports group and sum by are columns; the whole record is in body, as JSON.
-- Money is nano-USD; NULL: unknown. Times are text, UTC with milliseconds and Z.
CREATE TABLE usage_records (
    id                 TEXT PRIMARY KEY,
    at                 TEXT NOT NULL,
    tenant             TEXT NOT NULL,
    key_id             TEXT NOT NULL,
    user               TEXT NOT NULL DEFAULT '',
    service            TEXT NOT NULL DEFAULT '',
    team               TEXT NOT NULL DEFAULT '',
    project            TEXT NOT NULL DEFAULT '',
    asked              TEXT NOT NULL DEFAULT '',
    provider           TEXT NOT NULL DEFAULT '',
    model              TEXT NOT NULL DEFAULT '',
    agent              TEXT NOT NULL DEFAULT '',
    tags               TEXT NOT NULL DEFAULT '[]',
    failed             INTEGER NOT NULL DEFAULT 0,
    input_tokens       INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens  INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens      INTEGER NOT NULL DEFAULT 0,
    cost_nanos         INTEGER,
    body               TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX usage_by_time ON usage_records (at);
CREATE INDEX usage_by_tenant ON usage_records (tenant, at);
CREATE INDEX usage_by_key ON usage_records (key_id, at);
