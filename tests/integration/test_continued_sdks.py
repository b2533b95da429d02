"""Streams that went on with another target, read with the SDKs: they see one answer, and those who look see the flag."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

from tests.support.boto3_clients import by_hook
from tests.support.broken_streams import KINDS, begun, streaming, whole
from tests.support.gateway import KEY
from tests.support.two_targets import Pair, two_targets

SAID = "Once upon a time."
FLAG = {"continued": {"provider": "b", "model": "two", "after": "stream_truncated"}}


@asynccontextmanager
async def broken(dialect: str) -> AsyncIterator[Pair]:
    """The first target speaks the client's dialect and breaks off; the second one speaks chat."""
    dialects = {"a": {"dialects": [dialect]}} if KINDS[dialect] == "openai" else {}
    async with two_targets((KINDS[dialect], "openai"), dialects=dialects, continue_streams=True) as pair:
        pair.a.on(streaming(dialect, begun(dialect, "Once upon a "), end="truncated"))
        pair.b.on(streaming("chat", whole("chat", "time.")))
        yield pair


async def test_openai_chat() -> None:
    """The helper that accumulates: one choice, one finish, usage; the flag is in a chunk's extra fields."""
    async with broken("chat") as pair, AsyncOpenAI(base_url=f"{pair.edge.url}/v1", api_key=KEY, max_retries=0) as client:
        flags = []
        asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream_options": {"include_usage": True}}
        async with client.chat.completions.stream(**asked) as stream:
            async for event in stream:
                if event.type == "chunk" and "x_llm_edge" in (event.chunk.model_extra or {}):
                    flags.append((event.chunk.model_extra or {})["x_llm_edge"])
            final = await stream.get_final_completion()
        assert (final.choices[0].message.content, final.choices[0].finish_reason) == (SAID, "stop")
        assert final.usage is not None
        assert final.usage.completion_tokens == 6
        assert FLAG in flags


async def test_openai_responses() -> None:
    """The helper checks item and part indices, and the final response has the whole text; the plain stream shows the flag as well."""
    async with broken("responses") as pair, AsyncOpenAI(base_url=f"{pair.edge.url}/v1", api_key=KEY, max_retries=0) as client:
        async with client.responses.stream(model="m", input="hi", store=False) as stream:
            final = await stream.get_final_response()
        assert (final.output_text, final.status) == (SAID, "completed")
        flags = []
        async for event in await client.responses.create(model="m", input="hi", store=False, stream=True):
            flags += [extra["x_llm_edge"] for extra in [event.model_extra or {}] if "x_llm_edge" in extra]
        assert flags == [FLAG]


async def test_anthropic() -> None:
    """The helper that accumulates: one block, one stop reason."""
    async with broken("messages") as pair, AsyncAnthropic(base_url=pair.edge.url, api_key=KEY, max_retries=0) as client:
        flags = []
        async with client.messages.stream(model="m", max_tokens=50, messages=[{"role": "user", "content": "hi"}]) as stream:
            async for event in stream:
                flags += [extra["x_llm_edge"] for extra in [getattr(event, "model_extra", None) or {}] if "x_llm_edge" in extra]
            final = await stream.get_final_message()
        (block,) = final.content
        assert block.type == "text"
        assert (block.text, final.stop_reason, flags) == (SAID, "end_turn", [FLAG])


async def test_boto3() -> None:
    """botocore checks every frame; members that it does not know it leaves out."""
    async with broken("converse") as pair:

        def read() -> tuple[str, str]:
            answer = by_hook(pair.edge.url).converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": "hi"}]}])
            events = list(answer["stream"])
            text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
            return text, next(event["messageStop"]["stopReason"] for event in events if "messageStop" in event)

        assert await asyncio.to_thread(read) == (SAID, "end_turn")


async def test_google() -> None:
    """Chunks with a field that the SDK does not know."""
    async with broken("gemini") as pair:
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=pair.edge.url))
        text, reasons = "", []
        async for chunk in await client.aio.models.generate_content_stream(model="m", contents="hi"):
            text += chunk.text or ""
            reasons += [c.finish_reason for c in chunk.candidates or [] if c.finish_reason]
        assert (text, reasons) == (SAID, [types.FinishReason.STOP])
