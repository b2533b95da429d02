"""OpenAI's legacy completions: `OpenAICompletionsCodec`."""

from proxy.codecs.openai_completions.codec import OpenAICompletionsCodec

__all__ = ["OpenAICompletionsCodec"]
