"""Exact cache: fingerprint, what may be cached, tiers (memory, Redis), single flight. Knows no HTTP server and no codec."""
