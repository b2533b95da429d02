"""Where events go, and what keeps them until they are there."""
