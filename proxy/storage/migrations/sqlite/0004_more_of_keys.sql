-- What keys have had since identity: their version, and one JSON document of all that is seldom set (limits, budget, who it acts for).
ALTER TABLE keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE keys ADD COLUMN more TEXT NOT NULL DEFAULT '{}';

CREATE INDEX keys_by_hash ON keys (key_hash);
