"""LLM Edge: an intercepting reverse proxy between applications and LLM providers."""
