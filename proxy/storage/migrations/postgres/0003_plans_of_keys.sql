-- Plans whose id is the hash of a key, of whichever tenant.
CREATE INDEX plans_by_key ON plans (entity_id, created_at, usage_id) WHERE entity_type = 'API_KEY';
