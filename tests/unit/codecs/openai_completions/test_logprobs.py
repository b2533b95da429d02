"""Log probabilities of the two APIs."""

from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_completions.logprobs import decode_logprobs, encode_logprobs

LEGACY: dict[str, Any] = {
    "tokens": ["a", "é"],
    "token_logprobs": [None, -0.5],
    "top_logprobs": [None, {"é": -0.5, "e": -1.0}],
    "text_offset": [10, 11],
}


def test_chat_form() -> None:
    """A token an object, with its UTF-8 bytes; an echoed first token has none."""
    assert decode_logprobs(LEGACY, "")["content"] == [
        {"token": "a", "logprob": None, "bytes": [97], "top_logprobs": []},
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}, {"token": "e", "logprob": -1.0, "bytes": [101]}],
        },
    ]


def test_there_and_back() -> None:
    """Offsets are counted anew, from where the last tokens ended."""
    back, end = encode_logprobs(decode_logprobs(LEGACY, ""), 3)
    assert back == {**LEGACY, "top_logprobs": [{}, LEGACY["top_logprobs"][1]], "text_offset": [3, 4]}
    assert end == 5


def test_without_alternatives() -> None:
    """`logprobs: 0` gives null for them."""
    value = {"tokens": ["a"], "token_logprobs": [-1.0], "top_logprobs": None, "text_offset": [0]}
    assert encode_logprobs(decode_logprobs(value, ""), 0) == (value, 1)


@pytest.mark.parametrize("value", [{"tokens": 5}, {"tokens": [5]}, {"tokens": [], "top_logprobs": {}}])
def test_malformed(value: dict[str, Any]) -> None:
    """Named with their path."""
    with pytest.raises(InvalidBody, match=r"choices\[0\].logprobs"):
        decode_logprobs(value, "choices[0].logprobs")
