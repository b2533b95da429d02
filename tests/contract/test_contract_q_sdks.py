"""Contract Q with the SDKs of OpenAI and Anthropic.

Both make a key for each request and keep it over their retries, and neither sends it: the header has no name in them
(`_idempotency_header`, openai 3.54, anthropic 2.12). Who names it, or gives
`extra_headers`, has each of the SDK's own retries answered by the first call.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from tests.support.gateway import KEY, Running, running, settings
from tests.support.upstream import Call, Upstream, chat, chat_stream

pytestmark = pytest.mark.allow_tasks("the gateway's connections to the upstream, which outlive a test")

ONCE = {"Idempotency-Key": "order-1"}
TALK: Any = [{"role": "user", "content": "hi"}]
MODEL = "gpt-4o-mini"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:

        async def handle(call: Call) -> None:
            if not call.json.get("stream"):
                await call.answer(200, chat("hello"))
                return
            await call.begin_stream()
            for event in chat_stream("hel", "lo"):
                await call.chunk(event)
            await call.end_stream()

        up.on(handle)
        yield up


@pytest.fixture
async def edge(upstream: Upstream) -> AsyncIterator[Running]:
    async with running(settings(upstream.url, cache={"enabled": False})) as found:
        yield found


async def by_openai(edge: Running) -> str:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0) as sdk:
        raw = await sdk.chat.completions.with_raw_response.create(model=MODEL, messages=TALK, extra_headers=ONCE)
        return f"{raw.parse().choices[0].message.content} {raw.headers.get('idempotency-replayed')}"


async def by_openai_streamed(edge: Running) -> str:
    async with openai.AsyncOpenAI(base_url=f"{edge.url}/v1", api_key=KEY, max_retries=0) as sdk:
        stream = await sdk.chat.completions.create(model=MODEL, messages=TALK, stream=True, extra_headers=ONCE)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        return f"{text} {stream.response.headers.get('idempotency-replayed')}"


async def by_anthropic(edge: Running) -> str:
    async with anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=0) as sdk:
        raw = await sdk.messages.with_raw_response.create(model=MODEL, max_tokens=50, messages=TALK, extra_headers=ONCE)
        answer: Any = await raw.parse()
        return f"{answer.content[0].text} {raw.headers.get('idempotency-replayed')}"


async def by_anthropic_streamed(edge: Running) -> str:
    async with (
        anthropic.AsyncAnthropic(base_url=edge.url, api_key=KEY, max_retries=0) as sdk,
        sdk.messages.stream(model=MODEL, max_tokens=50, messages=TALK, extra_headers=ONCE) as stream,
    ):
        text = "".join([piece async for piece in stream.text_stream])
        return f"{text} {stream.response.headers.get('idempotency-replayed')}"


@pytest.mark.parametrize("ask", [by_openai, by_openai_streamed, by_anthropic, by_anthropic_streamed])
async def test_extra_headers_make_it_one_call(upstream: Upstream, edge: Running, ask: Any) -> None:
    """The second time the SDK reads the same answer out of what was kept; streams as streams."""
    assert [await ask(edge), await ask(edge)] == ["hello None", "hello true"]
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("maker", [openai.AsyncOpenAI, anthropic.AsyncAnthropic])
async def test_retries_of_the_sdk_join_the_call_that_they_gave_up(upstream: Upstream, edge: Running, maker: Any, named: bool) -> None:
    """It timed out while the answer was made; what it asks again under the key that it made itself is no second call. Unnamed it is."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await release.wait()
        await call.answer(200, chat("hello"))

    upstream.on(handle)
    base = f"{edge.url}/v1" if maker is openai.AsyncOpenAI else edge.url
    async with maker(base_url=base, api_key=KEY, max_retries=20, timeout=0.5) as sdk:
        if named:
            sdk._idempotency_header = "Idempotency-Key"
        create = sdk.chat.completions.create if maker is openai.AsyncOpenAI else sdk.messages.create
        asking = asyncio.ensure_future(create(model=MODEL, max_tokens=50, messages=TALK))
        await upstream.received(1 if named else 2)
        if named:
            await asyncio.sleep(1.5)  # two of its time-outs: it has asked again
        release.set()
        await asking
    await edge.idle()
    assert (len(upstream.calls) == 1) == named
    counts = {s.labels: s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == "llm_edge_idempotent_requests_total"}
    assert (counts.get(("joined",), 0) + counts.get(("replayed",), 0) > 0) == named
