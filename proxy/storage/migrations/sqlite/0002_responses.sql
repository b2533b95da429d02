-- Answers of the Responses API that were issued: whose they are, where they were made, and, of those that no provider keeps, the content.
-- Times as in keys.
CREATE TABLE responses (
    tenant      TEXT NOT NULL,
    response_id TEXT NOT NULL,
    key_id      TEXT NOT NULL,
    asked       TEXT NOT NULL,
    provider    TEXT NOT NULL,
    model       TEXT NOT NULL,
    account     TEXT NOT NULL DEFAULT '',
    at_provider INTEGER NOT NULL DEFAULT 0,
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    kept        BLOB,
    PRIMARY KEY (tenant, response_id)
);

CREATE INDEX responses_by_expiry ON responses (expires_at);
