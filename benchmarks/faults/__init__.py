"""The fault bench: a scripted set of upstreams that fail in every way, and what each strategy makes of it. See docs/benchmarks.md."""
