"""Bodies and answers have the sizes that the results claim."""

import json

import pytest

from benchmarks.payloads import ANSWER_BYTES, DIGITS, MARKER, SIZES, chat_body, first_number, upstream_answer


@pytest.mark.parametrize("size", SIZES)
def test_body_size(size: str) -> None:
    """A body with its digits is JSON of exactly the stated size."""
    body = chat_body(size)
    text = f"{body.prefix}{7:0{DIGITS}d}{body.suffix}"
    assert len(text.encode()) == SIZES[size]
    assert "0000000000000007" in json.loads(text)["messages"][1]["content"]


def test_stream_body() -> None:
    """A stream's body names its chunks and its model."""
    body = chat_body("small", "m", max_tokens=5, stream=True)
    fields = json.loads(f"{body.prefix}{0:016d}{body.suffix}")
    assert (fields["model"], fields["stream"], fields["max_tokens"]) == ("m", True, 5)


def test_upstream_answer() -> None:
    """The answer is a chat completion of exactly the stated size with the marker in its text."""
    raw = upstream_answer()
    assert len(raw) == ANSWER_BYTES
    assert json.loads(raw)["choices"][0]["message"]["content"].startswith(MARKER)


def test_first_number_fits() -> None:
    """The first number has at most the slot's digits."""
    assert 0 < first_number() < 10**DIGITS
