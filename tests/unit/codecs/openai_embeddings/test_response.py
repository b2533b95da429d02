"""Embedding answers."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_embeddings.response import answer_facts, decode_response, encode_response
from proxy.core.embeddings import Embedding, EmbeddingResponse
from proxy.core.response import Usage

WIRE = Path(__file__).parents[3] / "wire/openai_embeddings"
FLOATS = (WIRE / "answer_float.json").read_bytes()
PACKED = (WIRE / "answer_base64.json").read_bytes()


def test_each_form_comes_back_and_turns_into_the_other() -> None:
    """Byte-equal as JSON in the form asked for, whichever the provider sent."""
    for body in (FLOATS, PACKED):
        response = decode_response(body)
        assert response.usage == Usage(input_tokens=5)
        assert encode_response(response).body == json.loads(FLOATS)
        assert encode_response(response, "float").body == json.loads(FLOATS)
        assert encode_response(response, "base64").body == json.loads(PACKED)


def test_facts() -> None:
    """Model and usage without the vectors."""
    facts = answer_facts(PACKED)
    assert (facts.model, facts.usage, facts.finished, facts.has_metadata) == ("text-embedding-3-small", Usage(input_tokens=5), True, False)
    assert answer_facts(b'{"data": [], "metadata": {}}').has_metadata
    assert not answer_facts(b'{"data": []}').finished


def test_liberties_of_compatible_servers() -> None:
    """No index, no model, no usage, fields of their own: the position counts, the rest is kept."""
    response = decode_response(b'{"data": [{"embedding": [1, 2.5]}], "id": "embd-1", "created": 5}')
    assert response == EmbeddingResponse(model="", data=(Embedding(index=0, values=(1.0, 2.5)),), extra={"id": "embd-1", "created": 5})
    assert encode_response(response).body["id"] == "embd-1"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"<html>", ""),
        (b"[]", ""),
        (b'{"error": {"message": "no"}}', "error"),
        (b"{}", "data"),
        (b'{"data": {}}', "data"),
        (b'{"data": [5]}', "data[0]"),
        (b'{"data": [{}]}', "data[0].embedding"),
        (b'{"data": [{"embedding": 5}]}', "data[0].embedding"),
        (b'{"data": [{"embedding": "AACA"}]}', "data[0].embedding"),
        (b'{"data": [{"embedding": [1, null]}]}', "data[0].embedding[1]"),
        (b'{"data": [{"embedding": [1, true]}]}', "data[0].embedding[1]"),
        (b'{"data": [{"embedding": [1], "index": -1}]}', "data[0].index"),
        (b'{"data": [{"embedding": [1]}], "usage": 5}', "usage"),
    ],
)
def test_broken_answers_are_named(body: bytes, path: str) -> None:
    """With the JSON path of the culprit."""
    with pytest.raises(InvalidBody) as caught:
        decode_response(body)
    assert caught.value.path == path


def test_empty_data_is_no_answer() -> None:
    """There is at least one input, so there is at least one vector."""
    with pytest.raises(InvalidBody, match="data is empty"):
        decode_response(b'{"data": []}')


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"error": {"message": "no"}}', b'{"data": [{}]}', b'{"data": [{"embedding": [1]}], "created": "x"}']
)
def test_facts_of_what_is_no_answer(body: bytes) -> None:
    """As the decoder; also what only the typed look refuses."""
    with pytest.raises(InvalidBody):
        answer_facts(body)


def test_a_number_beyond_32_bits() -> None:
    """It can't be packed: that is said, not hidden."""
    response = EmbeddingResponse(model="m", data=(Embedding(index=3, values=(1e300,)),))
    with pytest.raises(InvalidBody) as caught:
        encode_response(response, "base64")
    assert caught.value.path == "data[3].embedding"


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["data", "embedding", "index", "usage", "model"]), inner),
    )
)
def test_never_crashes(value: Any) -> None:
    """Any JSON is an answer or an InvalidBody, in both lanes."""
    body = json.dumps(value).encode()
    for read in (decode_response, answer_facts):
        with contextlib.suppress(InvalidBody):
            read(body)
