"""Contract Q: what is sent twice with the same `Idempotency-Key` is done once. Fails closed: no store, 503."""
