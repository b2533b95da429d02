"""Credentials + endpoint + dialect = one upstream."""
