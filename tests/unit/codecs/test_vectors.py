"""What the embeddings of all dialects share."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke import TitanEmbeddingsCodec
from proxy.codecs.gemini_embed import GeminiEmbedCodec
from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec
from proxy.codecs.vectors import batches, merged, numbered, numbers
from proxy.core.embeddings import EmbeddingRequest, EmbeddingResponse
from proxy.core.response import Usage

OPENAI, TITAN, GEMINI = OpenAIEmbeddingsCodec(), TitanEmbeddingsCodec(), GeminiEmbedCodec()


def request(n: int, **more: Any) -> EmbeddingRequest:
    return EmbeddingRequest(dialect="openai_embeddings", model="m", inputs=tuple(f"text {i}" for i in range(n)), **more)


def openai(*items: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"data": items, **more}).encode()


def titan(*values: float, tokens: int | None = 2) -> bytes:
    return json.dumps({"embedding": values, **({} if tokens is None else {"inputTextTokenCount": tokens})}).encode()


def test_numbers() -> None:
    """Integers are numbers, too."""
    assert numbers([1, 2.5], "v") == (1.0, 2.5)


@pytest.mark.parametrize(
    ("value", "path", "text"),
    [
        ("x", "v", "an array of numbers"),
        (None, "v", "an array of numbers"),
        ([], "v", "is empty"),
        ([1, True], "v[1]", "a number, not a boolean"),
        ([1.0, 2.0, "3"], "v[2]", "a number, not a string"),
        ([None], "v[0]", "not null"),
        ([10**400], "v", "out of range"),
    ],
)
def test_what_is_no_vector(value: Any, path: str, text: str) -> None:
    """The first number that is none is named."""
    with pytest.raises(InvalidBody, match=text) as caught:
        numbers(value, "v")
    assert caught.value.path == path


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 12))
def test_batches_are_the_request(n: int, most: int) -> None:
    """In order, none longer than allowed, and one alone is the request itself."""
    asked = request(n)
    parts = list(batches(asked, most))
    assert [text for part in parts for text in part.inputs] == list(asked.inputs)
    assert max(len(part.inputs) for part in parts) <= most
    assert len(parts) == -(-n // most)
    if n <= most:
        assert parts == [asked]


def answers(codec: Any, *bodies: bytes) -> list[EmbeddingResponse]:
    return [codec.decode_response(body) for body in bodies]


def test_the_place_among_several_answers() -> None:
    """Comes before the path within."""
    assert [numbered(InvalidBody("no", path), 3).path for path in ("data[0]", "")] == ["[3].data[0]", "[3]"]
    assert numbered(InvalidBody("no"), 3).message == "answer 3: no"


def test_one_answer() -> None:
    """Sorted by index, in the provider's own words."""
    body = openai({"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}, model="real", usage={"prompt_tokens": 7})
    response = merged(request(2), 9, answers(OPENAI, body), carried=True)
    assert [item.values for item in response.data] == [(1.0, 2.0), (3.0, 4.0)]
    assert [item.index for item in response.data] == [0, 1]
    assert (response.model, response.usage) == ("real", Usage(input_tokens=7))


def test_several_answers() -> None:
    """In the order of their calls, usage summed."""
    response = merged(request(3), 1, answers(TITAN, titan(1, 2), titan(3, 4), titan(5, 6, tokens=5)), carried=True)
    assert [(item.index, item.values) for item in response.data] == [(0, (1.0, 2.0)), (1, (3.0, 4.0)), (2, (5.0, 6.0))]
    assert response.usage == Usage(input_tokens=9)


def test_usage_is_not_guessed_here() -> None:
    """One call that does not say makes the sum unknown."""
    assert merged(request(2), 1, answers(TITAN, titan(1), titan(2, tokens=None)), carried=True).usage is None


def test_the_models_own_length_where_none_was_asked_for() -> None:
    """Or where it could not be carried."""
    answer = answers(TITAN, titan(1, 2, 3))
    assert len(merged(request(1), 1, answer, carried=True).data) == 1
    assert len(merged(request(1, dimensions=5), 1, answer, carried=False).data) == 1
    assert len(merged(request(1, dimensions=3), 1, answer, carried=True).data) == 1


NAN = base64.b64encode(struct.pack("<2f", 1.0, float("nan"))).decode()


@pytest.mark.parametrize(
    ("codec", "asked", "bodies", "path"),
    [
        (OPENAI, request(2), [openai({"embedding": [1]})], "data"),
        (OPENAI, request(1), [openai({"embedding": [1]}, {"embedding": [1]})], "data"),
        (OPENAI, request(2), [openai({"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]})], "data[1].index"),
        (OPENAI, request(2), [openai({"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]})], "data[1].index"),
        (OPENAI, request(2), [openai({"embedding": [1]}, {"embedding": [1, 2]})], "data[1].embedding"),
        (OPENAI, request(1, dimensions=3), [openai({"embedding": [1, 2]})], "data[0].embedding"),
        (OPENAI, request(1), [openai({"embedding": NAN})], "data[0].embedding"),
        (GEMINI, request(2), [b'{"embeddings": [{"values": [1]}]}'], "data"),
        (GEMINI, request(150), [b'{"embeddings": [{"values": [1]}]}'] * 2, "[0].data"),
        (TITAN, request(2), [titan(1), titan(1, 2)], "data[1].embedding"),
    ],
)
def test_broken_answers(codec: Any, asked: EmbeddingRequest, bodies: list[bytes], path: str) -> None:
    """A vector too few or too many, an index twice or missing, other lengths, no numbers: each by its place."""
    with pytest.raises(InvalidBody) as caught:
        merged(asked, codec.max_inputs, answers(codec, *bodies), carried=True)
    assert caught.value.path == path
