"""Bytes to a provider and back."""
