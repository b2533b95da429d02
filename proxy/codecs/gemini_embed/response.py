"""Embedding answers, both ways.

Source: ai.google.dev "Embeddings" (EmbedContentResponse, BatchEmbedContentsResponse, ContentEmbedding), read 2026-11-26. Vectors stand in
the order of the requests. Older models report no usage.
"""

from typing import Any

from proxy.codecs.base import BodyFacts, Encoded, InvalidBody
from proxy.codecs.gemini_generate import fields
from proxy.codecs.gemini_generate.usage import decode_usage, encode_usage
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.vectors import numbers
from proxy.core.embeddings import Embedding, EmbeddingResponse
from proxy.core.response import Usage


def decode_response(body: bytes) -> EmbeddingResponse:
    """Raises InvalidBody: an error object, no vector, one that is none."""
    items, usage = _answer(body)
    return EmbeddingResponse(
        model="",
        data=tuple(
            Embedding(index=i, values=numbers(fields.as_object(item, path).get("values"), f"{path}.values"))
            for i, (path, item) in enumerate(items)
        ),
        usage=usage,
    )


def answer_facts(body: bytes) -> BodyFacts:
    items, usage = _answer(body)
    return BodyFacts(usage=usage, vectors=len(items))


def encode_response(response: EmbeddingResponse, *, single: bool) -> Encoded:
    """`single`: as embedContent answers; of several vectors the others are reported."""
    vectors: list[dict[str, Any]] = []
    for item in response.data:
        try:
            vectors.append({"values": list(item.floats())})
        except ValueError as exc:
            raise InvalidBody(f"data[{item.index}].embedding is {exc}", f"data[{item.index}].embedding") from None
    if not vectors:
        raise InvalidBody("data is empty", "data")
    body: dict[str, Any] = {"embedding": vectors[0]} if single else {"embeddings": vectors}
    if response.usage is not None:
        body["usageMetadata"] = encode_usage(response.usage)
    return Encoded(body, tuple(f"data[{i}]" for i in range(1, len(vectors))) if single else ())


def _answer(body: bytes) -> tuple[list[tuple[str, Any]], Usage | None]:
    """(path, vector object) of each, and the usage."""
    answer = parse_object(body)
    if (error := answer.get("error")) is not None:
        text = error.get("message") if isinstance(error, dict) else error
        raise InvalidBody(f"The answer is an error object: {str(text)[:200]}", "error")
    one, several = answer.get("embedding"), answer.get("embeddings")
    usage = fields.optional_object(answer, "usageMetadata", "")
    found = None if usage is None else decode_usage(usage)
    if one is not None:
        return [("embedding", one)], found
    if not isinstance(several, list) or not several:
        raise InvalidBody("embeddings must be a list of at least one vector", "embeddings")
    return [(f"embeddings[{i}]", item) for i, item in enumerate(several)], found
