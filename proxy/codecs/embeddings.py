"""Dialect → its codec for embeddings: the literal table. Where a provider speaks several of them, the first one is what requests of
another dialect are translated to."""

from proxy.codecs.base import EmbeddingsCodec
from proxy.codecs.bedrock_invoke import TitanEmbeddingsCodec
from proxy.codecs.gemini_embed import GeminiEmbedCodec
from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec

EMBEDDINGS: dict[str, EmbeddingsCodec] = {
    codec.name: codec for codec in (OpenAIEmbeddingsCodec(), GeminiEmbedCodec(), TitanEmbeddingsCodec())
}
