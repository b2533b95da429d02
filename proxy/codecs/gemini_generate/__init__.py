"""Codec of the Gemini API's generateContent."""

from proxy.codecs.gemini_generate.codec import GeminiGenerateCodec

__all__ = ["GeminiGenerateCodec"]
