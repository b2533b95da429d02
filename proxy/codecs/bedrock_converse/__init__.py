"""Codec of Amazon Bedrock's Converse and ConverseStream."""

from proxy.codecs.bedrock_converse.codec import BedrockConverseCodec
from proxy.codecs.bedrock_converse.errors import error_type

__all__ = ["BedrockConverseCodec", "error_type"]
