-- What the admin API has laid over the configuration, whole, by version; the greatest is in force, earlier ones show who changed what.
CREATE TABLE overlays (
    version   INTEGER PRIMARY KEY,
    document  TEXT NOT NULL,
    stored_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
