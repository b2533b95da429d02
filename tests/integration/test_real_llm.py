"""A real LLM (SmolLM2-135M-Instruct behind llama.cpp's server) as an OpenAI-compatible upstream."""

import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.support.gateway import KEY, Running, running, settings

pytestmark = [pytest.mark.timeout(300)]


@pytest.fixture
async def edge(real_llm: str) -> AsyncIterator[Running]:
    config = settings(providers={"local": {"kind": "openai_compatible", "base_url": real_llm, "price": "free"}})
    async with running(config) as started:
        yield started


@pytest.fixture
async def client(edge: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0, timeout=120) as sdk:
        yield sdk


ASK: Any = {"model": "smollm2-135m-instruct", "max_tokens": 24, "temperature": 0, "messages": [{"role": "user", "content": "Say hello."}]}


async def test_text_and_its_cached_repeat(client: openai.AsyncOpenAI) -> None:
    """Words, usage, and the second time from the cache."""
    first = await client.chat.completions.create(**ASK)
    again = await client.chat.completions.create(**ASK)
    assert first.choices[0].message.content
    assert first.usage is not None
    assert first.usage.completion_tokens > 0
    assert again.choices[0].message.content == first.choices[0].message.content
    assert again.to_dict(warnings=False)["metadata"]["cached"] is True


async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    """Pieces, a finish reason, usage."""
    ask = ASK | {"messages": [{"role": "user", "content": "Count to five."}]}
    text, finish, usage, pieces = "", None, None, 0
    async for chunk in await client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
        pieces += 1
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text
    assert pieces > 3
    assert finish in ("stop", "length")
    assert usage is not None


async def test_a_json_schema(client: openai.AsyncOpenAI) -> None:
    """llama.cpp's grammar makes even a small model keep to it."""
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    form: Any = {"type": "json_schema", "json_schema": {"name": "c", "schema": schema, "strict": True}}
    answer = await client.chat.completions.create(**(ASK | {"max_tokens": 60}), response_format=form)
    assert json.loads(answer.choices[0].message.content or "")["colour"] in ("red", "blue")


async def test_logprobs(client: openai.AsyncOpenAI) -> None:
    """Passed as they are."""
    answer = await client.chat.completions.create(**ASK, logprobs=True, top_logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    assert len(logprobs.content[0].top_logprobs) == 2


async def test_the_anthropic_front_door(edge: Running) -> None:
    """The same model through `/v1/messages`, translated."""
    answer = await edge.client.post(
        "/v1/messages", json={"model": ASK["model"], "max_tokens": 24, "messages": [{"role": "user", "content": "Say hi."}]}, timeout=120
    )
    assert answer.json()["content"][0]["text"]
