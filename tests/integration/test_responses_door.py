"""OpenAI's Responses API at the front door, by the real SDK, at providers that know only chat and at one that knows it."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.support.gateway import KEY, Running, running, settings
from tests.support.upstream import Upstream, json_answer

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
KEPT: dict[str, Any] = {
    "id": "resp_abc",
    "object": "response",
    "created_at": 1_700_000_000,
    "status": "completed",
    "model": "gpt-4o",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 1,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 4,
    },
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
async def edge() -> AsyncIterator[Running]:
    async with running(settings()) as started:
        yield started


@pytest.fixture
async def client(edge: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0, _strict_response_validation=True) as sdk:
        yield sdk


async def test_an_answer(client: openai.AsyncOpenAI) -> None:
    """Strictly parsed, from a provider that knows only chat completions."""
    answer = await client.responses.create(model="echo", input="Hello", instructions="Be brief.")
    assert answer.output_text
    assert (answer.status, answer.object) == ("completed", "response")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


async def test_the_streaming_helper(client: openai.AsyncOpenAI) -> None:
    """Its events in order, the same text as the whole answer."""
    whole = await client.responses.create(model="echo", input="Hello")
    kinds: list[str] = []
    async with client.responses.stream(model="echo", input="Hello") as stream:
        async for event in stream:
            if not kinds or kinds[-1] != event.type:
                kinds.append(event.type)
        final = await stream.get_final_response()
    assert final.output_text == whole.output_text
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


async def test_a_tool_call_and_its_result(client: openai.AsyncOpenAI) -> None:
    """Called, answered, finished."""
    first = await client.responses.create(model="echo", input="Weather?", tools=[TOOL], tool_choice="required")
    call = next(item for item in first.output if item.type == "function_call")
    assert call.name == "get_weather"
    turns: Any = [
        {"role": "user", "content": "Weather?"},
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    second = await client.responses.create(model="echo", input=turns, tools=[TOOL])
    assert second.output_text


async def test_structured_output(client: openai.AsyncOpenAI) -> None:
    """`.parse` gets what the schema asks for."""
    answer = await client.responses.parse(model="echo", input="Who?", text_format=Person)
    assert isinstance(answer.output_parsed, Person)


async def test_a_provider_that_knows_it_gets_it_as_it_came() -> None:
    """Passed through; cached only where nothing is stored, with a new id and time."""
    async with Upstream() as up:
        up.on(json_answer(KEPT))
        async with running(settings(up.url)) as edge:
            body = {"model": "gpt-4o", "input": "hi", "unknown_field": {"a": 1}}
            for store, status in ((True, "bypass"), (False, "miss"), (False, "hit")):
                answer = await edge.client.post("/v1/responses", json={**body, "store": store})
                assert answer.headers["x-llm-edge-cache"] == status
                assert answer.json()["output"] == KEPT["output"]
            assert answer.json()["id"] != "resp_abc"
            assert answer.json()["created_at"] > 1_700_000_000
            assert [call.path for call in up.calls] == ["/v1/responses", "/v1/responses"]
            assert up.calls[0].json == {**body, "store": True}


async def test_a_response_that_failed_is_an_error_elsewhere() -> None:
    """Status `failed` with HTTP 200: passed on where the client knows it, never cached."""
    failed = {**KEPT, "status": "failed", "output": [], "error": {"code": "server_error", "message": "broken"}, "usage": None}
    async with Upstream() as up:
        up.on(json_answer(failed))
        async with running(settings(up.url)) as edge:
            for _ in range(2):
                answer = await edge.client.post("/v1/responses", json={"model": "gpt-4o", "input": "hi", "store": False})
                assert (answer.json()["status"], answer.headers["x-llm-edge-cache"]) == ("failed", "miss")
