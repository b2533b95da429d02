"""The load generator: a process of its own that takes jobs as JSON lines and answers with their results. Loopback only."""
