"""Single flight across the processes that share a Redis (contract J)."""
