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


async def test_a_model_that_embeds() -> None:
    """Not here yet, said in AWS's words before any call."""
    async with in_process() as edge:
        answer = await edge.client.post("/model/amazon.titan-embed-text-v2:0/invoke", json={"inputText": "x"})
        assert (answer.status_code, edge.sent) == (501, [])
        assert "embeddings" in answer.json()["message"]
        assert answer.headers["x-amzn-errortype"] == "InternalServerException"
