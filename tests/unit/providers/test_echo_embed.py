"""What the echo provider embeds."""

import json
import math
from typing import Any

import pytest

from proxy.core.embeddings import unpack
from proxy.providers.echo_answer import InvalidRequest
from proxy.providers.echo_embed import DIMENSIONS, MAX_DIMENSIONS, embeddings, read_embedding, vector


def answer(**body: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(embeddings("echo", read_embedding({"model": "echo", **body})))
    return made


def test_vectors_have_length_one_and_are_the_texts_own() -> None:
    """The same text has the same vector, others are at about a right angle."""
    one, two = vector("a", 512), vector("b", 512)
    assert one == vector("a", 512)
    assert math.isclose(math.hypot(*one), 1.0)
    assert abs(sum(x * y for x, y in zip(one, two, strict=True))) < 0.3
    assert vector("(1, 2)", 8) != vector((1, 2), 8) != vector((1, 3), 8)


def test_an_answer() -> None:
    """In order, of the length asked for; usage counts four bytes or an id as a token."""
    made = answer(input=["hello", "hey"], dimensions=3)
    assert [item["index"] for item in made["data"]] == [0, 1]
    assert [len(item["embedding"]) for item in made["data"]] == [3, 3]
    assert (made["model"], made["usage"]) == ("echo", {"prompt_tokens": 3, "total_tokens": 3})
    assert answer(input=[5, 6, 7])["usage"]["prompt_tokens"] == 3
    assert len(answer(input="x")["data"][0]["embedding"]) == DIMENSIONS


def test_base64_holds_the_same_vector() -> None:
    """To 32 bits."""
    packed = unpack(answer(input="x", encoding_format="base64", dimensions=5)["data"][0]["embedding"])
    assert packed == pytest.approx(answer(input="x", dimensions=5)["data"][0]["embedding"], abs=1e-7)


def test_the_last_text_may_hold_directives() -> None:
    """Token ids cannot."""
    assert read_embedding({"model": "m", "input": ["a", "echo:status=500"]}).text == "echo:status=500"
    assert read_embedding({"model": "m", "input": [[1], [2]]}).text == ""


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": "x", "dimensions": 0}, "dimensions"),
        ({"input": "x", "dimensions": MAX_DIMENSIONS + 1}, "dimensions"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_mistakes_are_named(body: dict[str, Any], param: str) -> None:
    """As OpenAI names them."""
    with pytest.raises(InvalidRequest) as caught:
        read_embedding({"model": "m", **body})
    assert caught.value.param == param
