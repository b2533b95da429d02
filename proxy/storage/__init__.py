"""Records (keys, plans, usage) and hot state (what replicas share by Redis)."""
