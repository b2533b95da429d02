"""OpenAI Responses: `OpenAIResponsesCodec`."""

from proxy.codecs.openai_responses.codec import OpenAIResponsesCodec

__all__ = ["OpenAIResponsesCodec"]
