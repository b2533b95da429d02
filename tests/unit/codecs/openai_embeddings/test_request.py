"""Embedding requests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_embeddings.request import MAX_INPUTS, decode_request, encode_request
from proxy.core.embeddings import EmbeddingRequest

WIRE = Path(__file__).parents[3] / "wire/openai_embeddings"


@pytest.mark.parametrize("name", ["request_full", "request_tokens"])
def test_samples_come_back(name: str) -> None:
    """Equal as JSON, with nothing reported."""
    body = json.loads((WIRE / f"{name}.json").read_text())
    encoded = encode_request(decode_request(body))
    assert (encoded.body, encoded.dropped) == (body, ())


texts = st.text(min_size=1, max_size=10)
tokens = st.lists(st.integers(0, 200_000), min_size=1, max_size=5)
inputs = st.one_of(texts, st.lists(texts, min_size=1, max_size=4), tokens, st.lists(tokens, min_size=1, max_size=4))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.fixed_dictionaries(
        {"model": texts, "input": inputs},
        optional={"dimensions": st.integers(1, 4096), "encoding_format": st.sampled_from(["float", "base64"]), "user": texts, "x": texts},
    )
)
def test_anything_valid_comes_back(body: dict[str, Any]) -> None:
    """Bare or in an array, as it was sent."""
    assert encode_request(decode_request(body)).body == body


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"input": "x"}, "model"),
        ({"model": "", "input": "x"}, "model"),
        ({"model": 5, "input": "x"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "input": None}, "input"),
        ({"model": "m", "input": ""}, "input"),
        ({"model": "m", "input": {}}, "input"),
        ({"model": "m", "input": []}, "input"),
        ({"model": "m", "input": ["a", ""]}, "input[1]"),
        ({"model": "m", "input": ["a", 5]}, "input[1]"),
        ({"model": "m", "input": ["a", [5]]}, "input[1]"),
        ({"model": "m", "input": [5, "a"]}, "input[1]"),
        ({"model": "m", "input": [5, -1]}, "input[1]"),
        ({"model": "m", "input": [[5], []]}, "input[1]"),
        ({"model": "m", "input": [[5], [True]]}, "input[1][0]"),
        ({"model": "m", "input": [None]}, "input[0]"),
        ({"model": "m", "input": ["x"] * (MAX_INPUTS + 1)}, "input"),
        ({"model": "m", "input": "x", "dimensions": 0}, "dimensions"),
        ({"model": "m", "input": "x", "dimensions": "2"}, "dimensions"),
        ({"model": "m", "input": "x", "encoding_format": "hex"}, "encoding_format"),
        ({"model": "m", "input": "x", "encoding_format": 1}, "encoding_format"),
        ({"model": "m", "input": "x", "user": 1}, "user"),
    ],
)
def test_mistakes_are_named(body: dict[str, Any], path: str) -> None:
    """With the JSON path of the culprit."""
    with pytest.raises(InvalidBody) as caught:
        decode_request(body)
    assert caught.value.path == path


def test_long_token_arrays_are_one_input() -> None:
    """The limit is of inputs, not of tokens."""
    request = decode_request({"model": "m", "input": [1] * (MAX_INPUTS + 1)})
    assert len(request.inputs) == 1


def test_other_dialects_fields_are_reported() -> None:
    """What this API has no field for."""
    request = EmbeddingRequest(
        dialect="bedrock_invoke",
        model="m",
        inputs=("x",),
        single=True,
        normalize=False,
        extra={"a": 1, "b": None},
        paths={"normalize": "n"},
    )
    encoded = encode_request(request)
    assert (encoded.body, encoded.dropped) == ({"model": "m", "input": "x"}, ("n", "a"))
