"""The codec over recorded exchanges, where the machine has them."""

import json
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_embeddings import OpenAIEmbeddingsCodec
from tests.support.shared_corpus import corpus, without_nulls

CODEC = OpenAIEmbeddingsCodec()


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    return corpus("openai_embeddings")


def test_requests_come_back_equal(exchanges: list[dict[str, Any]]) -> None:
    """As JSON, but for those that the provider refused as malformed."""
    for exchange in exchanges:
        body = exchange["request"]["body"]
        if exchange["response"]["status"] == 400:
            with pytest.raises(InvalidBody):
                CODEC.decode_request(body, {})
            continue
        encoded = CODEC.encode_request(CODEC.decode_request(body, {}))
        assert (encoded.body, encoded.dropped) == (without_nulls(body), ()), exchange["id"]


def test_answers_come_back_equal(exchanges: list[dict[str, Any]]) -> None:
    """In the encoding asked for; the SDK takes the other one, too; both lanes learn the same."""
    answered = [exchange for exchange in exchanges if exchange["response"]["status"] == 200]
    assert answered
    for exchange in answered:
        body = exchange["response"]["body_text"].encode()
        response = CODEC.decode_response(body)
        request = CODEC.decode_request(exchange["request"]["body"], {})
        assert CODEC.encode_response(response, request).body == json.loads(body), exchange["id"]
        CreateEmbeddingResponse.model_validate_json(json.dumps(CODEC.encode_response(response).body), strict=True)
        assert {item.dimensions for item in response.data} == {request.dimensions}
        facts = CODEC.facts(body)
        assert (facts.model, facts.usage, facts.finished) == (response.model, response.usage, True)


def test_errors_are_read(exchanges: list[dict[str, Any]]) -> None:
    """With the provider's words, which come back as they were."""
    for exchange in exchanges:
        answer = exchange["response"]
        if answer["status"] >= 400:
            info = CODEC.decode_error(answer["status"], answer["body_text"].encode(), answer["headers"])
            assert json.loads(CODEC.encode_error(info)) == json.loads(answer["body_text"]), exchange["id"]
