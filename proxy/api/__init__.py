"""The HTTP surface: `routes.py` has all of it on one screen."""
