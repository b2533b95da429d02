"""The litellm SDK as a client of the gateway: unchanged but for address and key, in the dialect of whichever provider it believes in."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway import KEY, Running, running, settings
from tests.support.require import require
from tests.support.upstream import Upstream, chat, chat_chunk, chat_stream, failing, json_answer, stream_answer

# pydantic about the package's own types
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning")]

USER = [{"role": "user", "content": "hi"}]
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}


@pytest.fixture(scope="module")
def litellm() -> Any:
    from proxy.settings.litellm_environ import prepare_litellm_environ

    prepare_litellm_environ()
    package: Any = require("litellm", "the SDK as a client: pip install litellm")
    package.suppress_debug_info = True
    return package


@pytest.fixture(autouse=True)
async def _closed(litellm: Any) -> AsyncIterator[None]:
    yield
    await close(litellm)


async def close(litellm: Any) -> None:
    """What the package keeps open for the process."""
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()
    await litellm.module_level_aclient.client._transport.aclose()
    await GLOBAL_LOGGING_WORKER.stop()


def address(edge: Running, kind: str) -> dict[str, Any]:
    """How the SDK is pointed at the gateway, by the provider in front of the model's name."""
    ways: dict[str, dict[str, Any]] = {
        "openai": {"model": "openai/gpt-4o-mini", "api_base": f"{edge.url}/v1", "api_key": KEY},
        "hosted_vllm": {"model": "hosted_vllm/gpt-4o-mini", "api_base": f"{edge.url}/v1", "api_key": KEY},
        "anthropic": {"model": "anthropic/gpt-4o-mini", "api_base": edge.url, "api_key": KEY, "max_tokens": 50},
        "gemini": {"model": "gemini/gpt-4o-mini", "api_base": f"{edge.url}/v1beta", "api_key": KEY},
        "bedrock": {
            "model": f"bedrock/converse/{CLAUDE}",
            "aws_bedrock_runtime_endpoint": edge.url,
            "aws_region_name": "us-east-1",
            "api_key": KEY,
        },
    }
    return ways[kind]


CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
"""The SDK must know a Bedrock model's abilities; here it is a name like any other."""
KINDS = ("openai", "hosted_vllm", "anthropic", "bedrock", "gemini")


def to(upstream: Upstream) -> Any:
    models = {name: {"targets": [{"provider": "openai", "model": "gpt-4o-mini"}]} for name in ("gpt-4o-mini", CLAUDE)}
    return settings(upstream.url, models=models, cache={"enabled": False}, routing={"retries": {"attempts": 1}})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_completion(litellm: Any, kind: str) -> None:
    """Asynchronous."""
    async with Upstream() as up, running(to(up)) as edge:
        up.on(json_answer(chat("hello")))
        answer = await litellm.acompletion(messages=USER, temperature=0.5, **address(edge, kind))
        assert answer.choices[0].message.content == "hello"
        assert answer.choices[0].finish_reason == "stop"
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 3)
        assert up.calls[0].json["messages"][-1]["role"] == "user"
        assert up.calls[0].json["temperature"] == 0.5
        await close(litellm)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_completion_from_a_thread(litellm: Any, kind: str) -> None:
    """Synchronous."""
    async with Upstream() as up, running(to(up)) as edge:
        up.on(json_answer(chat("hello")))
        answer = await asyncio.to_thread(litellm.completion, messages=USER, **address(edge, kind))
        assert answer.choices[0].message.content == "hello"
        litellm.in_memory_llm_clients_cache.flush_cache()
        litellm.module_level_client.client.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream(litellm: Any, kind: str) -> None:
    """With usage at its end."""
    async with Upstream() as up, running(to(up)) as edge:
        up.on(stream_answer(chat_stream("Hel", "lo")))
        stream = await litellm.acompletion(messages=USER, stream=True, stream_options={"include_usage": True}, **address(edge, kind))
        chunks = [chunk async for chunk in stream]
        assert "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices) == "Hello"
        assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["stop"]
        usage = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)]
        assert (usage[-1].prompt_tokens, usage[-1].completion_tokens) == (9, 3)
        await close(litellm)


@pytest.mark.parametrize("kind", KINDS)
async def test_tools(litellm: Any, kind: str) -> None:
    """A call, and the turn with its result."""
    async with Upstream() as up, running(to(up)) as edge:
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        up.script(
            json_answer(chat(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])), json_answer(chat("it rains"))
        )
        where = address(edge, kind)
        first = (await litellm.acompletion(messages=USER, tools=[TOOL], **where)).choices[0]
        assert first.finish_reason == "tool_calls"
        (call,) = first.message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
        turns = [*USER, first.message.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
        second = await litellm.acompletion(messages=turns, tools=[TOOL], **where)
        assert second.choices[0].message.content == "it rains"
        sent = up.calls[1].json["messages"]
        assert [m["role"] for m in sent] == ["user", "assistant", "tool"]
        assert sent[2]["tool_call_id"] == sent[1]["tool_calls"][0]["id"]
        assert up.calls[0].json["tools"][0]["function"]["name"] == "get_weather"
        await close(litellm)


@pytest.mark.parametrize("kind", KINDS)
async def test_tools_in_a_stream(litellm: Any, kind: str) -> None:
    """The arguments come in pieces."""
    async with Upstream() as up, running(to(up)) as edge:
        begin = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"city"', ': "Paris"}')]
        deltas: list[dict[str, Any]] = [
            {"role": "assistant", "content": None},
            {"tool_calls": [begin]},
            *({"tool_calls": [piece]} for piece in pieces),
        ]
        usage = chat_chunk({}, choices=[], usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12})
        up.on(stream_answer([*(chat_chunk(d) for d in deltas), chat_chunk({}, "tool_calls"), usage, b"data: [DONE]\n\n"]))
        stream = await litellm.acompletion(messages=USER, tools=[TOOL], stream=True, **address(edge, kind))
        whole = litellm.stream_chunk_builder([chunk async for chunk in stream])
        (call,) = whole.choices[0].message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
        assert whole.choices[0].finish_reason == "tool_calls"
        await close(litellm)


@pytest.mark.parametrize(
    ("status", "error"), [(400, "BadRequestError"), (401, "AuthenticationError"), (404, "NotFoundError"), (429, "RateLimitError")]
)
@pytest.mark.parametrize("kind", KINDS)
async def test_errors_are_of_its_own_classes(litellm: Any, kind: str, status: int, error: str) -> None:
    """The provider's message survives."""
    async with Upstream() as up, running(to(up)) as edge:
        up.on(failing(status, "not today"))
        with pytest.raises(getattr(litellm, error), match="not today"):
            await litellm.acompletion(messages=USER, num_retries=0, max_retries=0, **address(edge, kind))
        assert len(up.calls) == 1
        await close(litellm)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_key(litellm: Any, kind: str) -> None:
    """The gateway's own refusal."""
    async with Upstream() as up, running(to(up)) as edge:
        with pytest.raises((litellm.AuthenticationError, litellm.PermissionDeniedError)):
            await litellm.acompletion(messages=USER, **{**address(edge, kind), "api_key": "wrong-key-0123456789"})
        assert up.calls == []
        await close(litellm)
