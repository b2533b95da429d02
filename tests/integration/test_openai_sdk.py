"""The OpenAI SDK, sync and async, against the echo provider: unchanged but for its base URL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from tests.support.gateway import KEY, Running, running, settings

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
]


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
async def edge() -> AsyncIterator[Running]:
    async with running(settings()) as started:
        yield started


@pytest.fixture
async def client(edge: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0) as sdk:
        yield sdk


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


async def test_strict_parsing() -> None:
    """With `server.body_metadata: false` even `_strict_response_validation` accepts every answer. (SDK 3.5x declares `metadata` as
    strings only, E's object has a boolean in it: strict clients turn the splice off.)"""
    async with (
        running(settings(server={"body_metadata": False})) as edge,
        openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0, _strict_response_validation=True) as sdk,
    ):
        await sdk.chat.completions.create(model="echo", messages=user("Hello"))
        await sdk.chat.completions.create(model="echo", messages=user("weather?"), tools=TOOLS, logprobs=True, n=2)
        async for _ in await sdk.chat.completions.create(model="echo", messages=user("Hello"), stream=True):
            pass


async def test_a_whole_answer(client: openai.AsyncOpenAI) -> None:
    """And the repeat is a hit."""
    first = await client.chat.completions.create(model="echo", messages=user("Hello"))
    again = await client.chat.completions.create(model="echo", messages=user("Hello"))
    assert first.choices[0].message.content == again.choices[0].message.content == "Echo: Hello"
    metadata: Any = again.to_dict(mode="python", warnings=False)["metadata"]
    assert metadata["cached"] is True
    assert first.usage is not None


async def test_a_stream_with_usage(client: openai.AsyncOpenAI) -> None:
    """Text in pieces, then one usage chunk with our metadata."""
    text, usage, last = "", None, None
    async for chunk in await client.chat.completions.create(
        model="echo", messages=user("Hello there"), stream=True, stream_options={"include_usage": True}
    ):
        text += "".join(c.delta.content or "" for c in chunk.choices)
        usage, last = chunk.usage or usage, chunk
    assert text == "Echo: Hello there"
    assert usage is not None
    assert last is not None
    assert (last.model_extra or {})["metadata"]["provider"] == "echo"


async def test_tools_go_round(client: openai.AsyncOpenAI) -> None:
    """A call, its result, and an answer in words."""
    asked = user("weather?")
    call = (await client.chat.completions.create(model="echo", messages=asked, tools=TOOLS)).choices[0]
    assert call.finish_reason == "tool_calls"
    (tool_call,) = call.message.tool_calls or []
    result = [*asked, call.message, {"role": "tool", "tool_call_id": tool_call.id, "content": "sunny"}]
    final = (await client.chat.completions.create(model="echo", messages=result, tools=TOOLS)).choices[0]
    assert final.finish_reason == "stop"
    assert final.message.content


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_structured_output(client: openai.AsyncOpenAI) -> None:
    """`parse` gets an instance of the schema. (The SDK declares `metadata` as strings only and warns of E's boolean in it.)"""
    answer = await client.chat.completions.parse(model="echo", messages=user("who?"), response_format=Person)
    assert isinstance(answer.choices[0].message.parsed, Person)


async def test_the_sdk_s_own_stream_helper(client: openai.AsyncOpenAI) -> None:
    """`chat.completions.stream` accumulates and parses."""
    async with client.chat.completions.stream(model="echo", messages=user("who?"), response_format=Person) as stream:
        final = await stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Person)


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    """And found by name."""
    names = [m.id async for m in client.models.list()]
    assert "echo" in names
    assert (await client.models.retrieve("echo")).id == "echo"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nothing")


async def test_errors_are_the_sdks_own_types(edge: Running, client: openai.AsyncOpenAI) -> None:
    """Each status as the SDK knows it."""
    with pytest.raises(openai.BadRequestError) as bad:
        await client.chat.completions.create(model="echo", messages=[])
    assert bad.value.param == "messages"
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key="wrong", max_retries=0) as other:
        with pytest.raises(openai.AuthenticationError):
            await other.chat.completions.create(model="echo", messages=user("x"))
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="echo", messages=user("x"), metadata={"echo_status": "429"})


async def test_the_sync_client(edge: Running) -> None:
    """From a thread, whole and streamed."""

    def call() -> tuple[str | None, str]:
        with openai.OpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0) as sdk:
            whole = sdk.chat.completions.create(model="echo", messages=user("Hi"))
            pieces = sdk.chat.completions.create(model="echo", messages=user("Hi"), stream=True)
            return whole.choices[0].message.content, "".join(c.choices[0].delta.content or "" for c in pieces if c.choices)

    assert await asyncio.to_thread(call) == ("Echo: Hi", "Echo: Hi")


async def test_the_anthropic_client_at_an_openai_upstream(edge: Running) -> None:
    """The other front door, translated: text, stream, tools."""
    async with anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=0) as sdk:
        answer = await sdk.messages.create(model="echo", max_tokens=100, messages=user("Hello"))
        assert [part.text for part in answer.content if part.type == "text"] == ["Echo: Hello"]
        async with sdk.messages.stream(model="echo", max_tokens=100, messages=user("Hello again")) as stream:
            final = await stream.get_final_message()
        assert [part.text for part in final.content if part.type == "text"] == ["Echo: Hello again"]
        assert final.stop_reason == "end_turn"
        tool: Any = {"name": "get_weather", "input_schema": TOOLS[0]["function"]["parameters"]}
        call = await sdk.messages.create(model="echo", max_tokens=100, messages=user("weather"), tools=[tool])
        assert call.stop_reason == "tool_use"
        with pytest.raises(anthropic.BadRequestError):
            await sdk.messages.create(model="echo", max_tokens=100, messages=[])


async def test_azure_s_client(edge: Running) -> None:
    """Azure-style paths and `api-key`."""
    async with openai.AsyncAzureOpenAI(azure_endpoint=edge.url, api_key=KEY, api_version="2024-10-21", max_retries=0) as sdk:
        answer = await sdk.chat.completions.create(model="echo", messages=user("Hello"))
        assert answer.choices[0].message.content == "Echo: Hello"


async def test_legacy_completions(client: openai.AsyncOpenAI) -> None:
    """A prompt to a provider that knows only chat: whole, and streamed with the same text."""
    whole = await client.completions.create(model="echo", prompt="Hello", max_tokens=50)
    assert whole.choices[0].text
    assert whole.usage is not None
    stream = await client.completions.create(model="echo", prompt="Hello", max_tokens=50, stream=True)
    assert "".join([chunk.choices[0].text async for chunk in stream if chunk.choices]) == whole.choices[0].text
