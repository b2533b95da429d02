-- Usage plans: whose they are, and one JSON document of what they permit and limit. Times as in keys.
CREATE TABLE plans (
    tenant      TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    entity_id   TEXT NOT NULL,
    usage_id    TEXT NOT NULL UNIQUE,
    active      INTEGER NOT NULL DEFAULT 1,
    created_at  TEXT NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1,
    document    TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, entity_type, entity_id)
) WITHOUT ROWID;
