"""Codec of the Anthropic Messages API."""

from proxy.codecs.anthropic_messages.codec import DEFAULT_MAX_TOKENS, AnthropicMessagesCodec

__all__ = ["DEFAULT_MAX_TOKENS", "AnthropicMessagesCodec"]
