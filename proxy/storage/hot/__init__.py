"""Hot state that replicas share: one Redis-protocol server behind one connection a process."""
