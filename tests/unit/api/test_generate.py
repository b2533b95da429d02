"""One handler for every generation dialect."""

import httpx2

from tests.support.eventually import eventually
from tests.support.library import in_process, json_reply
from tests.support.upstream import chat

MESSAGES = [{"role": "user", "content": "hi"}]


async def asked_for(path: str, body: dict[str, object]) -> str:
    """The model that a request to `path` was for."""
    async with in_process(json_reply(chat())) as edge:
        answer: httpx2.Response = await edge.client.post(path, json={"messages": MESSAGES, **body})
        assert answer.status_code == 200
        return answer.headers["x-llm-edge-model"]


async def test_a_deployments_name_is_the_model() -> None:
    """Azure's path, also with a slash or percent-encoding in it; a model in the body wins."""
    assert await asked_for("/openai/deployments/gpt-4o/chat/completions?api-version=x", {}) == "gpt-4o"
    assert await asked_for("/openai/deployments/my%20team%2Fgpt/chat/completions", {}) == "my team/gpt"
    assert await asked_for("/openai/deployments/gpt-4o/chat/completions", {"model": "other"}) == "other"


async def test_the_watcher_ends_with_its_request() -> None:
    """No task is left behind by an answer."""
    async with in_process(json_reply(chat())) as edge:
        before = edge.gateway.state.tasks.names()
        assert (await edge.chat()).status_code == 200
        await eventually(lambda: edge.gateway.state.tasks.names() == before)


async def test_one_handler_speaks_every_dialect() -> None:
    """The same provider's answer, in Anthropic's shape for Anthropic's route."""
    async with in_process(json_reply(chat("hello"))) as edge:
        answer = await edge.client.post("/v1/messages", json={"model": "m", "max_tokens": 5, "messages": MESSAGES})
        assert answer.json()["content"] == [{"type": "text", "text": "hello"}]
