"""Gemini's embeddings: `GeminiEmbedCodec`."""

from proxy.codecs.gemini_embed.codec import GeminiEmbedCodec

__all__ = ["GeminiEmbedCodec"]
