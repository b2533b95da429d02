"""Streams that go from socket to socket inside the read event: nothing of them may be lost for the cache, followers or the log."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2

from proxy.telemetry.logbuffer import LogBuffer
from proxy.telemetry.logs import AccessLog
from tests.support.eventually import eventually
from tests.support.gateway import chat_body, running, settings
from tests.support.sink import KeptLines
from tests.support.upstream import Call, Upstream, chat_stream

EVENTS = chat_stream("one ", "two ", "three ", "four ", "five")
BODY = chat_body("relay", stream=True)


class Stepped:
    """An upstream that sends one event each time it is let go on, so that each arrives in a read of its own."""

    def __init__(self) -> None:
        self._steps = asyncio.Semaphore(0)

    def go_on(self, events: int) -> None:
        for _ in range(events):
            self._steps.release()

    async def __call__(self, call: Call) -> None:
        await call.begin_stream()
        for event in EVENTS:
            await self._steps.acquire()
            await call.chunk(event)
        await call.end_stream()


def said(text: str) -> str:
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


async def read_until(lines: AsyncIterator[str], text: str) -> str:
    got = ""
    async for line in lines:
        got += line + "\n"
        if text in line:
            return got
    raise AssertionError(f"the stream ended before {text!r}")


async def rest_of(lines: AsyncIterator[str]) -> str:
    return "".join([line + "\n" async for line in lines])


async def test_a_relayed_stream_is_stored_whole_and_counted() -> None:
    """Each event is at the client before the next one leaves the upstream; the replay says the same; the log has every byte."""
    log = KeptLines()
    async with Upstream() as up, running(settings(up.url), access_log=AccessLog(LogBuffer(log))) as edge:
        stepped = Stepped()
        up.on(stepped)
        stepped.go_on(2)  # the role, and the first content: before it nothing is sent, no status either
        async with edge.client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
            lines = answer.aiter_lines()
            got = await read_until(lines, "one")
            for word in ("two", "three", "four", "five"):
                stepped.go_on(1)
                got += await read_until(lines, word)
            stepped.go_on(len(EVENTS))
            got += await rest_of(lines)
        again = await edge.client.post("/v1/chat/completions", json=BODY)
        assert said(got) == said(again.text) == "one two three four five"
        assert (again.headers["x-llm-edge-cache"], len(up.calls)) == ("hit", 1)
        await edge.idle()
        await eventually(lambda: log.data.count(b"\n") >= 2)
    sizes = [json.loads(line)["bytes_out"] for line in log.data.splitlines() if b'"logger":"access"' in line]
    assert sizes[0] == len(got.encode())


async def test_a_follower_joins_a_relayed_stream() -> None:
    """In its middle: both get all of it, from one upstream call."""
    async with Upstream() as up, running(settings(up.url)) as edge:
        stepped = Stepped()
        up.on(stepped)

        async def follow() -> httpx2.Response:
            return await edge.client.post("/v1/chat/completions", json=BODY)

        stepped.go_on(2)
        async with edge.client.stream("POST", "/v1/chat/completions", json=BODY) as answer:
            lines = answer.aiter_lines()
            got = await read_until(lines, "one")
            stepped.go_on(1)  # this one is relayed
            got += await read_until(lines, "two")
            follower = asyncio.ensure_future(follow())
            flights = edge.gateway.state.pipeline.flights
            await eventually(lambda: any(flight.shared for flight in flights._flights.values()))
            stepped.go_on(len(EVENTS))
            got += await rest_of(lines)
        joined = await follower
        assert said(got) == said(joined.text) == "one two three four five"
        assert (joined.headers["x-llm-edge-cache"], len(up.calls)) == ("hit", 1)


async def test_a_relayed_stream_that_is_kept_is_counted_once() -> None:
    """Its last events wait for the store and go out behind it: every byte once."""
    log = KeptLines()
    one, told = asyncio.Event(), asyncio.Event()

    async def stepped(call: Call) -> None:
        await call.begin_stream()
        for number, event in enumerate(EVENTS):
            await call.chunk(event)
            if number == 1:
                await asyncio.wait_for(one.wait(), 10)
        await asyncio.wait_for(told.wait(), 10)
        await call.end_stream()

    async with Upstream() as up:
        up.on(stepped)
        provider = {"kind": "openai_compatible", "base_url": f"{up.url}/v1", "api_keys": ["sk-provider-1234567890"]}
        async with running(settings(providers={"chat": provider}), access_log=AccessLog(LogBuffer(log))) as edge:
            body = {"model": "m", "input": "x", "stream": True}
            async with edge.client.stream("POST", "/v1/responses", json=body) as answer:
                lines = answer.aiter_lines()
                got = await read_until(lines, '"delta":"one ')
                one.set()
                got += await read_until(lines, '"type":"response.completed"')
                told.set()
                got += await rest_of(lines)
            await edge.idle()
            await eventually(lambda: log.data.count(b"\n") >= 1)
    sizes = [json.loads(line)["bytes_out"] for line in log.data.splitlines() if b'"logger":"access"' in line]
    assert sizes == [len(got.encode())]
