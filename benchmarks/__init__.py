"""One command that runs us, nginx and the peers side by side against the same upstream: `python -m benchmarks` (docs/benchmarks.md)."""
