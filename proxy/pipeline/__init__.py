"""One governed request, readable from top to bottom: execute, attempts, streaming."""
