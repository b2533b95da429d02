"""The fleet bench: three gateways, one Redis, one Postgres, 200 clients, and what they lose on the way. See docs/benchmarks.md."""
