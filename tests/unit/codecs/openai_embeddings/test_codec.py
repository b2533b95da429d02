"""The codec as the pipeline uses it."""

import json
from pathlib import Path

import pytest

from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec

WIRE = Path(__file__).parents[3] / "wire/openai_embeddings"
CODEC = OpenAIEmbeddingsCodec()


def test_the_client_gets_the_encoding_it_asked_for() -> None:
    """Whatever the provider sent."""
    response = CODEC.decode_response((WIRE / "answer_float.json").read_bytes())
    asked = CODEC.decode_request(json.loads((WIRE / "request_full.json").read_text()), {})
    assert CODEC.encode_response(response, asked).body == json.loads((WIRE / "answer_base64.json").read_text())
    assert CODEC.encode_response(response).body == json.loads((WIRE / "answer_float.json").read_text())
    assert CODEC.encode_request(asked).body["encoding_format"] == "base64"
    assert CODEC.facts((WIRE / "answer_float.json").read_bytes()).model == "text-embedding-3-small"


def test_errors() -> None:
    """As in chat."""
    body = (WIRE / "error.json").read_bytes()
    info = CODEC.decode_error(404, body, {})
    assert (info.status, info.code, info.retryable) == (404, "model_not_found", False)
    assert json.loads(CODEC.encode_error(info)) == json.loads(body)


def test_what_it_takes() -> None:
    """Any model, 2048 inputs a call."""
    assert CODEC.takes("anything")
    assert CODEC.max_inputs == 2048


@pytest.mark.parametrize(("value", "n"), [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2, 3]], 2)])
def test_vectors_that_are_asked_for(value: object, n: int) -> None:
    """One for each text or array of ids; an array of ids alone is one."""
    assert CODEC.count({"input": value}) == n
    assert len(CODEC.decode_request({"model": "m", "input": value}, {}).inputs) == n


def test_vectors_that_came() -> None:
    """Without looking into them."""
    assert CODEC.facts((WIRE / "answer_base64.json").read_bytes()).vectors == 2
