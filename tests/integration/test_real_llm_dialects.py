"""The real LLM behind each of the three APIs that its server speaks, asked through each of the same three by the real SDKs.

llama.cpp's server is an independent implementation of chat completions, responses and messages, with liberties of its own.
"""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from tests.support.gateway import KEY, Running, running, settings
from tests.support.real_llm import MODEL

pytestmark = [pytest.mark.timeout(300)]

UPSTREAMS = ("chat", "responses", "messages")
SAY = "Say hello."
LIMIT = 16


@pytest.fixture
async def edge(real_llm: str) -> AsyncIterator[Running]:
    """Nothing is cached, so every answer is the model's."""
    spoken: dict[str, Any] = {
        name: {"kind": "openai_compatible", "base_url": real_llm, "price": "free", "dialects": [name]} for name in ("chat", "responses")
    }
    spoken["messages"] = {"kind": "anthropic", "base_url": real_llm, "price": "free"}
    async with running(settings(providers=spoken, cache={"enabled": False})) as started:
        yield started


@pytest.fixture
async def client(edge: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0, timeout=120) as sdk:
        yield sdk


@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_chat(client: openai.AsyncOpenAI, upstream: str) -> None:
    """Whole and streamed say the same, with usage."""
    asked: Any = {"model": f"{upstream}/{MODEL}", "max_tokens": LIMIT, "temperature": 0, "messages": [{"role": "user", "content": SAY}]}
    whole = await client.chat.completions.create(**asked)
    text, finish, usage = "", None, None
    async for chunk in await client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text
    assert text == whole.choices[0].message.content
    assert finish == whole.choices[0].finish_reason == ("stop" if upstream == "responses" else "length")  # as the server says it
    assert whole.usage is not None
    assert usage is not None
    assert usage.completion_tokens == whole.usage.completion_tokens == LIMIT
    assert usage.prompt_tokens == whole.usage.prompt_tokens > 0


@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_responses(client: openai.AsyncOpenAI, upstream: str) -> None:
    """Whole and by the streaming helper the same, with usage; passed through to the server's own, translated to its others."""
    asked: Any = {"model": f"{upstream}/{MODEL}", "max_output_tokens": LIMIT, "temperature": 0, "input": SAY}
    whole = await client.responses.create(**asked)
    pieces = [
        event.delta async for event in await client.responses.create(**asked, stream=True) if event.type == "response.output_text.delta"
    ]
    assert whole.output_text
    assert "".join(pieces) == whole.output_text
    assert whole.usage is not None
    assert whole.usage.output_tokens == LIMIT
    assert whole.usage.input_tokens > 0


@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_messages(edge: Running, upstream: str) -> None:
    """Whole and by the stream helper the same, with usage."""
    asked: Any = {"model": f"{upstream}/{MODEL}", "max_tokens": LIMIT, "messages": [{"role": "user", "content": SAY}]}
    asked["extra_body"] = {"temperature": 0}
    async with anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=0, timeout=120) as sdk:
        whole = await sdk.messages.create(**asked)
        async with sdk.messages.stream(**asked) as stream:
            final = await stream.get_final_message()
    (said,), (streamed,) = whole.content, final.content
    assert said.type == streamed.type == "text"
    assert said.text
    assert said.text == streamed.text
    assert whole.stop_reason == final.stop_reason
    assert whole.usage.output_tokens == final.usage.output_tokens == LIMIT
    assert whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0) > 0
