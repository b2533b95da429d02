"""Usage plans: what entities may use, and how much of it."""
