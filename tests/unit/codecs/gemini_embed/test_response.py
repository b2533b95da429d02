"""Gemini's embedding answers."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.gemini_embed.response import answer_facts, decode_response, encode_response
from proxy.core.embeddings import Embedding, EmbeddingResponse
from proxy.core.response import Usage

WIRE = Path(__file__).parents[3] / "wire/gemini_embed"
SINGLE = (WIRE / "answer_single.json").read_bytes()
BATCH = (WIRE / "answer_batch.json").read_bytes()


def test_answers_come_back() -> None:
    """Both forms; usage only where it was."""
    for body, single, usage in ((SINGLE, True, None), (BATCH, False, Usage(input_tokens=5))):
        response = decode_response(body)
        assert response.usage == usage
        assert encode_response(response, single=single).body == json.loads(body)
        facts = answer_facts(body)
        assert (facts.usage, facts.vectors) == (usage, len(response.data))
    assert decode_response(BATCH).data[1] == Embedding(index=1, values=(0.5, 0.25))


def test_one_vector_of_several() -> None:
    """The others are reported."""
    encoded = encode_response(decode_response(BATCH), single=True)
    assert (encoded.body["embedding"], encoded.dropped) == ({"values": [1.0, -2.0]}, ("data[1]",))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"<html>", ""),
        (b'{"error": {"message": "no"}}', "error"),
        (b'{"error": 5}', "error"),
        (b"{}", "embeddings"),
        (b'{"embeddings": []}', "embeddings"),
        (b'{"embedding": 5}', "embedding"),
        (b'{"embedding": {}}', "embedding.values"),
        (b'{"embeddings": [{"values": [1]}, {"values": [1, "x"]}]}', "embeddings[1].values[1]"),
        (b'{"embedding": {"values": [1]}, "usageMetadata": 5}', "usageMetadata"),
    ],
)
def test_broken_answers_are_named(body: bytes, path: str) -> None:
    """With the JSON path of the culprit."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(body)
    assert caught.value.path == path


def test_answers_that_cannot_be_written() -> None:
    """No vector, or one that is none."""
    with pytest.raises(InvalidBody):
        encode_response(EmbeddingResponse(model="m", data=()), single=False)
    with pytest.raises(InvalidBody) as caught:
        encode_response(EmbeddingResponse(model="m", data=(Embedding(index=3, packed="x"),)), single=False)
    assert caught.value.path == "data[3].embedding"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["embedding", "embeddings", "values", "usageMetadata"]), inner),
    )
)
def test_never_crashes(value: Any) -> None:
    """Any JSON is an answer or an InvalidBody."""
    body = json.dumps(value).encode()
    for read in (decode_response, answer_facts):
        with contextlib.suppress(InvalidBody):
            read(body)
