"""What the embeddings of all dialects share: reading vectors, cutting a request into calls, putting their answers together."""

from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite
from typing import Any

import msgspec

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import wrong
from proxy.core.embeddings import Embedding, EmbeddingRequest, EmbeddingResponse
from proxy.core.response import Usage

_NUMBERS = frozenset((float, int))
_FLOATS = frozenset((float,))


def numbers(value: Any, path: str) -> tuple[float, ...]:
    """A vector of JSON numbers. Raises InvalidBody at the first that is none."""
    if not isinstance(value, list):
        raise wrong(path, "an array of numbers", value)
    if not value:
        raise InvalidBody(f"{path} is empty", path)
    types = set(map(type, value))
    if types == _FLOATS:
        return tuple(value)
    if not types <= _NUMBERS:
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


def numbered(exc: InvalidBody, i: int) -> InvalidBody:
    """What is wrong with the `i`th of several answers."""
    return InvalidBody(f"answer {i}: {exc.message}", f"[{i}].{exc.path}" if exc.path else f"[{i}]")


def merged(request: EmbeddingRequest, most: int, answers: Sequence[EmbeddingResponse], *, carried: bool) -> EmbeddingResponse:
    """The answer to `request` from those to its `batches`; in order and checked: one vector an input, all of the same length, which is
    the one asked for if that was `carried`.

    Raises InvalidBody, whose path begins with the answer's number where there are several."""
    data: list[Embedding] = []
    for i, (part, answer) in enumerate(zip(batches(request, most), answers, strict=True)):
        try:
            for item in _in_order(answer.data, len(part.inputs)):
                data.append(msgspec.structs.replace(item, index=len(data)))
        except InvalidBody as exc:
            raise exc if len(answers) == 1 else numbered(exc, i) from None
    _check_lengths(data, request.dimensions if carried else None)
    model = next((answer.model for answer in answers if answer.model), "")
    return EmbeddingResponse(model=model, data=tuple(data), usage=_sum([answer.usage for answer in answers]))


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
