"""OpenAI chat completions: `OpenAIChatCodec`."""

from proxy.codecs.openai_chat.codec import OpenAIChatCodec

__all__ = ["OpenAIChatCodec"]
