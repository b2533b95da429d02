"""Embedding answers, both ways.

Source: OpenAI API reference, "The embedding object", read 2026-11-25: a float array, or base64 of little-endian 32-bit floats.
"""

from typing import Any

import msgspec

from proxy.codecs.base import BodyFacts, Encoded, InvalidBody
from proxy.codecs.jsonbody import parse_object
from proxy.codecs.openai_chat.fields import array, integer, optional, record, required, string, wrong
from proxy.codecs.openai_chat.usage import decode_usage
from proxy.codecs.vectors import numbers
from proxy.core.embeddings import Embedding, EmbeddingResponse, Encoding, unpack

_OWN = frozenset({"object", "data", "model", "usage"})


class _Item(msgspec.Struct, gc=False):
    embedding: msgspec.Raw


class _Answer(msgspec.Struct, gc=False):
    data: list[_Item]
    model: str | None = None
    usage: dict[str, Any] | None = None
    id: str | None = None
    created: int | None = None
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Answer).decode


def decode_response(body: bytes) -> EmbeddingResponse:
    """Raises InvalidBody: an error object, no data, a vector that is none."""
    answer = parse_object(body)
    error = answer.get("error")
    if error and "data" not in answer:
        text = error.get("message") if isinstance(error, dict) else error
        raise InvalidBody(f"The answer is an error object: {str(text)[:200]}", "error")
    items = required(answer, "data", array, "")
    if not items:
        raise InvalidBody("data is empty", "data")
    usage = optional(answer, "usage", record, "")
    return EmbeddingResponse(
        model=optional(answer, "model", string, "") or "",
        data=tuple(_embedding(record(item, f"data[{i}]"), i) for i, item in enumerate(items)),
        usage=None if usage is None else decode_usage(usage),
        extra={key: value for key, value in answer.items() if key not in _OWN and value is not None},
    )


def encode_response(response: EmbeddingResponse, encoding: Encoding | None = None) -> Encoded:
    """`encoding`: what the client asked for; None: floats. Raises InvalidBody where a vector cannot be written so."""
    data = []
    for item in response.data:
        try:
            vector: Any = item.text() if encoding == "base64" else list(item.floats())
        except (ValueError, OverflowError) as exc:
            raise InvalidBody(f"data[{item.index}].embedding: {exc}", f"data[{item.index}].embedding") from None
        data.append({"object": "embedding", "index": item.index, "embedding": vector})
    body: dict[str, Any] = {**response.extra, "object": "list", "data": data, "model": response.model}
    if response.usage is not None:
        body["usage"] = {"prompt_tokens": response.usage.prompt_tokens, "total_tokens": response.usage.total_tokens}
    return Encoded(body)


def answer_facts(body: bytes) -> BodyFacts:
    """Without looking into the vectors. Raises InvalidBody where the body is no list of embeddings."""
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # The decoder says what is wrong in terms of the API; what only the typed look refuses is rare.
        decode_response(body)
        raise InvalidBody("The answer is not a list of embeddings") from None
    return BodyFacts(
        response_id=answer.id,
        model=answer.model,
        created=answer.created,
        usage=None if answer.usage is None else decode_usage(answer.usage),
        has_metadata=answer.metadata is not msgspec.UNSET,
        finished=bool(answer.data),
        vectors=len(answer.data),
    )


def _embedding(item: dict[str, Any], position: int) -> Embedding:
    path = f"data[{position}]"
    index = optional(item, "index", integer(0), path)
    vector = item.get("embedding")
    place = position if index is None else index
    if isinstance(vector, str):
        try:
            unpack(vector)
        except ValueError as exc:
            raise InvalidBody(f"{path}.embedding is {exc}", f"{path}.embedding") from None
        return Embedding(index=place, packed=vector)
    if not isinstance(vector, list):
        raise wrong(f"{path}.embedding", "an array of numbers or base64", vector)
    return Embedding(index=place, values=numbers(vector, f"{path}.embedding"))
