"""Sans-IO codecs: one a dialect, to and from the canonical types. No socket, clock, settings or logging in here."""
