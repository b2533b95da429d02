"""OpenAI embeddings: `OpenAIEmbeddingsCodec`."""

from proxy.codecs.openai_embeddings.codec import OpenAIEmbeddingsCodec

__all__ = ["OpenAIEmbeddingsCodec"]
