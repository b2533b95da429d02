"""InvokeModel: one path, and the model decides what is done."""

from typing import Any

import pytest

from tests.support.library import in_process, json_reply
from tests.support.upstream import chat

BODIES: list[dict[str, Any]] = [
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]},
    {"inputText": "x"},
    {"prompt": "x"},
]


@pytest.mark.parametrize("body", BODIES)
async def test_a_model_that_generates(body: dict[str, Any]) -> None:
    """The model's name is the path's, whatever the body says."""
    async with in_process(json_reply(chat("hello"))) as edge:
        answer = await edge.client.post("/model/my%2Fmodel/invoke", json={**body, "model": "other", "stream": True})
        assert answer.status_code == 200
        assert "hello" in answer.text
        assert answer.headers["x-llm-edge-model"] == "my/model"


TITAN = "/model/amazon.titan-embed-text-v2:0/"


async def test_a_model_that_embeds() -> None:
    """Its vector, and the count of tokens where LangChain looks for it."""
    vectors = {"data": [{"index": 0, "embedding": [1, 2]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    async with in_process(json_reply(vectors)) as edge:
        answer = await edge.client.post(f"{TITAN}invoke", json={"inputText": "x", "stream": True})
        assert (answer.status_code, answer.json()["embedding"], answer.json()["inputTextTokenCount"]) == (200, [1.0, 2.0], 3)
        assert answer.headers["x-amzn-bedrock-input-token-count"] == "3"


async def test_a_model_that_embeds_does_not_stream() -> None:
    """Said in AWS's words before any call."""
    async with in_process() as edge:
        answer = await edge.client.post(f"{TITAN}invoke-with-response-stream", json={"inputText": "x"})
        assert (answer.status_code, edge.sent, answer.headers["x-amzn-errortype"]) == (400, [], "ValidationException")
        assert "streaming" in answer.json()["message"]
