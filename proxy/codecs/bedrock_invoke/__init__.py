"""Amazon Bedrock InvokeModel: `BedrockInvokeCodec`, and `TitanEmbeddingsCodec` for Titan's embeddings."""

from proxy.codecs.bedrock_invoke.codec import BedrockInvokeCodec
from proxy.codecs.bedrock_invoke.embeddings import TitanEmbeddingsCodec

__all__ = ["BedrockInvokeCodec", "TitanEmbeddingsCodec"]
