"""Limits: how much anybody may ask for in a time. Fails as `limits.on_redis_loss` says where counters are shared, else not at all."""
