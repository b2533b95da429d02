"""What the echo provider embeds: a vector of length 1 from a hash of the text, or of the token ids.

The same text has the same vector, another text one that is at about a right angle to it. `dimensions` (DIMENSIONS by default, at most
MAX_DIMENSIONS) and `encoding_format` are honoured; usage counts as in chat, a token id as one token.
"""

import struct
from hashlib import shake_256
from math import fsum, sqrt
from typing import Any

import msgspec
import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_embeddings.request import decode_request
from proxy.core.embeddings import EmbeddingInput, EmbeddingRequest, pack
from proxy.providers.echo_answer import InvalidRequest, tokens_of

DIMENSIONS = 256
MAX_DIMENSIONS = 8192


class Embed(msgspec.Struct, frozen=True):
    """`text`: the last one, for directives; "" where that is token ids."""

    request: EmbeddingRequest
    dimensions: int
    text: str


def read_embedding(body: dict[str, Any]) -> Embed:
    """Raises InvalidRequest."""
    try:
        request = decode_request(body)
    except InvalidBody as exc:
        raise InvalidRequest(exc.message, exc.path) from None
    dimensions = request.dimensions or DIMENSIONS
    if dimensions > MAX_DIMENSIONS:
        raise InvalidRequest(f"dimensions must be at most {MAX_DIMENSIONS}", "dimensions")
    last = request.inputs[-1]
    return Embed(request, dimensions, last if isinstance(last, str) else "")


def embeddings(model: str, asked: Embed) -> bytes:
    """The answer's body."""
    request = asked.request
    vectors = [vector(item, asked.dimensions) for item in request.inputs]
    data = [
        {"object": "embedding", "index": i, "embedding": pack(values) if request.encoding == "base64" else values}
        for i, values in enumerate(vectors)
    ]
    tokens = sum(tokens_of(len(item.encode("utf-8", "replace"))) if isinstance(item, str) else len(item) for item in request.inputs)
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def vector(item: EmbeddingInput, dimensions: int) -> tuple[float, ...]:
    raw = item.encode("utf-8", "surrogatepass") if isinstance(item, str) else b"\0" + repr(item).encode()
    values = struct.unpack(f"<{dimensions}i", shake_256(raw).digest(4 * dimensions))
    length = sqrt(fsum(value * value for value in values)) or 1.0
    return tuple([value / length for value in values])
