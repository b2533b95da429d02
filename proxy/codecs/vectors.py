"""What the embeddings of all dialects share: reading vectors, cutting a request into calls, putting their answers together.

A request for more inputs than a provider takes in one call goes out as several; `joined` and `split` are the one body that stands for
their answers between transport and codec: the JSON array of them.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite
from typing import Any

import msgspec

from proxy.codecs.base import EmbeddingsCodec, InvalidBody
from proxy.codecs.openai_chat.fields import wrong
from proxy.core.embeddings import Embedding, EmbeddingRequest, EmbeddingResponse
from proxy.core.response import Usage

_NUMBERS = frozenset((float, int))


def numbers(value: Any, path: str) -> tuple[float, ...]:
    """A vector of JSON numbers. Raises InvalidBody at the first that is none."""
    if not isinstance(value, list):
        raise wrong(path, "an array of numbers", value)
    if not value:
        raise InvalidBody(f"{path} is empty", path)
    if not _NUMBERS.issuperset(map(type, value)):
        i, item = next((i, item) for i, item in enumerate(value) if type(item) not in _NUMBERS)
        raise wrong(f"{path}[{i}]", "a number", item)
    try:
        return tuple(map(float, value))
    except OverflowError:
        raise InvalidBody(f"{path} holds a number that is out of range", path) from None


def batches(request: EmbeddingRequest, most: int) -> Iterator[EmbeddingRequest]:
    """Requests of at most `most` inputs each, in order."""
    if len(request.inputs) <= most:
        yield request
        return
    inputs = iter(request.inputs)
    while some := tuple(islice(inputs, most)):
        yield msgspec.structs.replace(request, inputs=some, single=False)


def joined(bodies: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(bodies)


def split(body: bytes) -> list[bytes]:
    """Raises InvalidBody where one of those joined was no JSON."""
    try:
        return [bytes(part) for part in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, RecursionError) as exc:
        raise InvalidBody(f"one of several answers is not JSON: {exc}") from None


def merged(codec: EmbeddingsCodec, request: EmbeddingRequest, body: bytes, *, carried: bool) -> EmbeddingResponse:
    """The answer to `request` from a provider's body, or from those of several calls (`split`); in order and checked: one vector an
    input, all of the same length, which is the one asked for if that was `carried`.

    Raises InvalidBody, whose path begins with the call's number where there were several."""
    asked = list(batches(request, codec.max_inputs))
    bodies = split(body) if len(asked) > 1 else [body]
    if len(bodies) != len(asked):
        raise InvalidBody(f"{len(bodies)} answers to {len(asked)} calls")
    data: list[Embedding] = []
    usages: list[Usage | None] = []
    model = ""
    for number, (part, raw) in enumerate(zip(asked, bodies, strict=True)):
        try:
            answer = codec.decode_response(raw)
            for item in _in_order(answer.data, len(part.inputs)):
                data.append(msgspec.structs.replace(item, index=len(data)))
        except InvalidBody as exc:
            raise exc if len(asked) == 1 else InvalidBody(f"answer {number}: {exc.message}", f"[{number}].{exc.path}") from None
        usages.append(answer.usage)
        model = model or answer.model
    _check_lengths(data, request.dimensions if carried else None)
    return EmbeddingResponse(model=model, data=tuple(data), usage=_sum(usages))


def _in_order(data: Sequence[Embedding], wanted: int) -> list[Embedding]:
    """By index: each once, as many as there were inputs."""
    if len(data) != wanted:
        raise InvalidBody(f"{len(data)} vectors for {wanted} inputs", "data")
    places: list[Embedding | None] = [None] * wanted
    for i, item in enumerate(data):
        if item.index >= wanted:
            raise InvalidBody(f"data[{i}].index is {item.index}, of {wanted} inputs", f"data[{i}].index")
        if places[item.index] is not None:
            raise InvalidBody(f"data[{i}].index is {item.index} for the second time", f"data[{i}].index")
        places[item.index] = _finite(item, i)
    return [item for item in places if item is not None]


def _finite(item: Embedding, i: int) -> Embedding:
    """JSON has no other numbers, base64 has: they could not be written as floats."""
    if item.packed is not None and not all(map(isfinite, item.floats())):
        raise InvalidBody(f"data[{i}].embedding holds a number that is not finite", f"data[{i}].embedding")
    return item


def _check_lengths(data: Sequence[Embedding], dimensions: int | None) -> None:
    length = data[0].dimensions if dimensions is None else dimensions
    for i, item in enumerate(data):
        if item.dimensions != length:
            raise InvalidBody(f"data[{i}].embedding has {item.dimensions} numbers, not {length}", f"data[{i}].embedding")


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    """None where one of the calls did not say."""
    known = [usage for usage in usages if usage is not None]
    if len(known) < len(usages):
        return None
    if len(known) == 1:
        return known[0]
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in known),
        output_tokens=sum(usage.output_tokens for usage in known),
        cache_read_tokens=sum(usage.cache_read_tokens for usage in known),
        cache_write_tokens=sum(usage.cache_write_tokens for usage in known),
        estimated=any(usage.estimated for usage in known),
        incomplete=any(usage.incomplete for usage in known),
    )
