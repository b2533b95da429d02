"""The `gemini_embed` dialect in both directions: `POST /v1beta/models/{model}:embedContent` and `:batchEmbedContents`."""

from collections.abc import Mapping
from typing import Any

from proxy.codecs.base import BodyFacts, EmbeddingsCodec, Encoded
from proxy.codecs.gemini_embed.request import DIALECT, MAX_INPUTS, count, decode_request, encode_request
from proxy.codecs.gemini_embed.response import answer_facts, decode_response, encode_response
from proxy.codecs.gemini_generate.errors import decode_error, encode_error
from proxy.core.embeddings import EmbeddingRequest, EmbeddingResponse
from proxy.core.errors import ErrorInfo


class GeminiEmbedCodec:
    name = DIALECT
    max_inputs = MAX_INPUTS

    def takes(self, model: str) -> bool:
        return True

    def count(self, body: dict[str, Any]) -> int:
        return count(body)

    def decode_request(self, body: dict[str, Any], headers: Mapping[str, str]) -> EmbeddingRequest:
        return decode_request(body)

    def encode_request(self, request: EmbeddingRequest) -> Encoded:
        return encode_request(request)

    def decode_response(self, body: bytes) -> EmbeddingResponse:
        return decode_response(body)

    def encode_response(self, response: EmbeddingResponse, request: EmbeddingRequest | None = None) -> Encoded:
        return encode_response(response, single=request is not None and request.single)

    def facts(self, body: bytes) -> BodyFacts:
        return answer_facts(body)

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return decode_error(status, body, headers)

    def encode_error(self, error: ErrorInfo) -> bytes:
        return encode_error(error)


_: type[EmbeddingsCodec] = GeminiEmbedCodec
