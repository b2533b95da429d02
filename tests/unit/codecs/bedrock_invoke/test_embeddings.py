"""Titan's embeddings."""

import json
from typing import Any

import pytest

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke import TitanEmbeddingsCodec
from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec
from proxy.core.embeddings import Embedding, EmbeddingRequest, EmbeddingResponse
from proxy.core.errors import ErrorInfo
from proxy.core.response import Usage
from tests.support.invoke_samples import sample

CODEC = TitanEmbeddingsCodec()
OPENAI = OpenAIEmbeddingsCodec()


def test_samples_come_back() -> None:
    """Request and answer."""
    body = sample("embedding_request")
    assert CODEC.encode_request(CODEC.decode_request(body, {})).body == body
    answer = sample("embedding_answer")
    response = CODEC.decode_response(json.dumps(answer).encode())
    assert response.usage == Usage(input_tokens=3)
    encoded = CODEC.encode_response(response)
    assert (encoded.body, encoded.dropped) == (answer, ())
    assert CODEC.facts(json.dumps(answer).encode()).usage == response.usage


def test_an_openai_client_with_a_titan_model() -> None:
    """One text; the vector in the encoding that the client asked for."""
    request = OPENAI.decode_request(
        {"model": "amazon.titan-embed-text-v2:0", "input": "a", "encoding_format": "base64", "user": "u", "x": 1}, {}
    )
    encoded = CODEC.encode_request(request)
    assert encoded.body == {"model": "amazon.titan-embed-text-v2:0", "stream": False, "inputText": "a"}
    assert encoded.dropped == ("user", "x")
    response = CODEC.decode_response(b'{"embedding": [1, -2], "inputTextTokenCount": 1}')
    assert OPENAI.encode_response(response, request).body["data"][0]["embedding"] == "AACAPwAAAMA="


def test_a_titan_client_with_an_openai_model() -> None:
    """Its vector under both names that V2 has."""
    response = OPENAI.decode_response(
        b'{"data": [{"embedding": "AACAPwAAAMA="}, {"embedding": [1]}], "usage": {"prompt_tokens": 2}, "id": "e"}'
    )
    encoded = CODEC.encode_response(response)
    assert encoded.body == {"embedding": [1.0, -2.0], "embeddingsByType": {"float": [1.0, -2.0]}, "inputTextTokenCount": 2}
    assert encoded.dropped == ("data[1]", "id")


@pytest.mark.parametrize("inputs", [("a", "b"), ((1, 2),)])
def test_one_text_a_call(inputs: Any) -> None:
    """Several texts and token ids are refused by the client's name of the field."""
    request = EmbeddingRequest(dialect="openai_embeddings", model="amazon.titan-embed-text-v2:0", inputs=inputs, paths={"inputs": "input"})
    with pytest.raises(InvalidBody) as caught:
        CODEC.encode_request(request)
    assert caught.value.path == "input"


def test_the_first_generation_has_no_options() -> None:
    """They are reported, not sent."""
    request = EmbeddingRequest(dialect="openai_embeddings", model="amazon.titan-embed-text-v1", inputs=("a",), dimensions=5, normalize=True)
    encoded = CODEC.encode_request(request)
    assert encoded.body == {"model": "amazon.titan-embed-text-v1", "stream": False, "inputText": "a"}
    assert encoded.dropped == ("dimensions", "normalize")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "inputText"),
        ({"inputText": ""}, "inputText"),
        ({"inputText": "x", "dimensions": 0}, "dimensions"),
        ({"inputText": "x", "normalize": 1}, "normalize"),
    ],
)
def test_mistakes(body: dict[str, Any], path: str) -> None:
    """Named by their path."""
    with pytest.raises(InvalidBody) as caught:
        CODEC.decode_request({"model": "m", **body}, {})
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", ""),
        (b"{}", "embedding"),
        (b'{"embedding": 5}', "embedding"),
        (b'{"embedding": ["x"]}', "embedding[0]"),
        (b'{"embeddingsByType": []}', "embeddingsByType"),
    ],
)
def test_broken_answers(body: bytes, path: str) -> None:
    """Named by their path."""
    with pytest.raises(InvalidBody) as caught:
        CODEC.decode_response(body)
    assert caught.value.path == path


def test_vectors_by_type_alone() -> None:
    """V2 asked for floats by type."""
    assert CODEC.decode_response(b'{"embeddingsByType": {"float": [1]}}').data[0].values == (1.0,)


def test_answers_that_cannot_be_written() -> None:
    """No vector, or one that is none."""
    with pytest.raises(InvalidBody):
        CODEC.encode_response(EmbeddingResponse(model="m", data=()))
    with pytest.raises(InvalidBody):
        CODEC.encode_response(EmbeddingResponse(model="m", data=(Embedding(index=0, packed="x"),)))


def test_errors_are_those_of_converse() -> None:
    """Both ways."""
    assert CODEC.decode_error(400, b'{"message": "m"}', {}).message == "m"
    assert json.loads(CODEC.encode_error(ErrorInfo(status=400, message="m")))["message"] == "m"


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("amazon.titan-embed-text-v2:0", True),
        ("eu.amazon.titan-embed-text-v1", True),
        ("arn:aws:bedrock:us-east-1:1:provisioned-model/x", True),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0", False),
        ("amazon.titan-text-express-v1", False),
        ("cohere.embed-v4:0", False),
    ],
)
def test_which_models_it_fits(model: str, takes: bool) -> None:
    """Titan's embeddings; an ARN that says nothing may be one."""
    assert CODEC.takes(model) is takes


def test_one_vector_a_call() -> None:
    """Asked for and answered."""
    assert (CODEC.max_inputs, CODEC.count({"inputText": "x"})) == (1, 1)
    assert CODEC.facts(b'{"embedding": [1]}').vectors == 1
