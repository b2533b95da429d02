-- Keys and the few single values that belong to the store itself.
-- Times are text, UTC with milliseconds and Z, so that they sort as they read.
CREATE TABLE keys (
    key_id     TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    role       TEXT NOT NULL,
    name       TEXT NOT NULL DEFAULT '',
    status     TEXT NOT NULL DEFAULT 'active',
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used  TEXT,
    key_hash   TEXT NOT NULL,
    scopes     TEXT NOT NULL DEFAULT '[]',
    models     TEXT,
    metadata   TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

CREATE INDEX keys_by_tenant ON keys (tenant, key_id);

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
