"""Contracts H and J: a process that leads shared calls is told to stop (SIGTERM), and requests at another process follow them.

Real processes, one real Valkey. (Processes that are killed: test_contract_j_two_processes.py.)
"""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.support import lag
from tests.support.edge_process import EdgeProcess
from tests.support.raw_chat import RawChat
from tests.support.two_edges import Gated
from tests.support.two_processes import edge_pair, followed
from tests.support.upstream import Call, Upstream, chat, chat_stream, json_answer, stream_answer
from tests.support.valkey import Valkey

pytestmark = pytest.mark.allow_tasks("the gateways' connections to the upstream, which outlive a test")

LONG = {"grace_s": 30}
SHORT = {"grace_s": 0.3}
"""Over before the calls of these tests are."""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def upstream(valkey: Valkey) -> AsyncIterator[Upstream]:
    valkey.command("FLUSHALL")
    async with Upstream() as up:
        yield up


async def told_to_stop(edge: EdgeProcess) -> None:
    edge.signal(signal.SIGTERM)
    await asyncio.to_thread(edge.wait_for, "draining")


def error_of(client: RawChat) -> str:
    """The code of the error that ends a stream, or is all of an answer."""
    last = [line for line in client.text.splitlines() if line][-1]
    return str(json.loads(last.removeprefix("data: "))["error"]["code"])


@pytest.mark.parametrize("leads", [True, False], ids=["its client reads", "its client has left"])
async def test_within_the_grace_everybody_gets_the_rest(upstream: Upstream, valkey: Valkey, tmp_path: Path, leads: bool) -> None:
    """Also who follows a call whose own client is gone already: it counts as a request in flight."""
    gate = Gated(upstream)
    async with edge_pair(upstream, valkey.url, tmp_path, server=LONG) as (leader, other), AsyncExitStack() as stack:
        first = await stack.enter_async_context(RawChat(leader.port, stream=True))
        await first.until("hel")
        streams = [await stack.enter_async_context(RawChat(other.port, stream=True)) for _ in range(5)]
        await asyncio.gather(*[client.until("hel") for client in streams])
        whole = [await stack.enter_async_context(RawChat(other.port)) for _ in range(5)]
        await followed(other, 10)
        if not leads:
            first.leave()
        await told_to_stop(leader)
        gate.release.set()
        clients = [*streams, *whole, *([first] if leads else [])]
        await asyncio.gather(*[client.rest() for client in clients])
        assert {(client.status, client.content) for client in clients} == {(200, "hello")}
        assert all(client.text.endswith("data: [DONE]\n\n") for client in streams)
        assert await asyncio.to_thread(leader.wait) == 0
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("lead_streams", [True, False])
async def test_before_the_first_content_followers_are_handed_over(
    upstream: Upstream, valkey: Valkey, tmp_path: Path, lead_streams: bool
) -> None:
    """When the grace is over, to one call of their own process; the leader's client, whose stream has not begun, is told why."""

    async def handle(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.until_gone()
        else:
            await (stream_answer(chat_stream("own")) if call.json.get("stream") else json_answer(chat("own")))(call)

    upstream.on(handle)
    async with edge_pair(upstream, valkey.url, tmp_path, server=SHORT) as (leader, other), AsyncExitStack() as stack:
        first = await stack.enter_async_context(RawChat(leader.port, stream=lead_streams))
        await upstream.received(1)
        waiting = [await stack.enter_async_context(RawChat(other.port, stream=n % 2 == 0)) for n in range(20)]
        await followed(other, 20)
        await told_to_stop(leader)
        await asyncio.gather(*[client.rest() for client in (first, *waiting)])
        assert {(client.status, client.content) for client in waiting} == {(200, "own")}
        if lead_streams:
            assert (first.status, error_of(first)) == (503, "shutting_down")
        assert await asyncio.to_thread(leader.wait) == 0
    assert len(upstream.calls) == 2


@pytest.mark.parametrize("leads", [True, False], ids=["its client reads", "its client has left"])
async def test_after_content_the_end_of_the_grace_is_told_to_all(upstream: Upstream, valkey: Valkey, tmp_path: Path, leads: bool) -> None:
    """In-band, to the leader's client as to the followers elsewhere, within a second of each other, with nothing but the first call's text
    before it; who wanted the whole answer gets a second call's."""
    gate = Gated(upstream)
    async with edge_pair(upstream, valkey.url, tmp_path, server=SHORT) as (leader, other), AsyncExitStack() as stack:
        first = await stack.enter_async_context(RawChat(leader.port, stream=True))
        await first.until("hel")
        streams = [await stack.enter_async_context(RawChat(other.port, stream=True)) for _ in range(20)]
        await asyncio.gather(*[client.until("hel") for client in streams])
        whole = [await stack.enter_async_context(RawChat(other.port)) for _ in range(5)]
        await followed(other, 25)
        if not leads:
            first.leave()
        told = [*streams, *([first] if leads else [])]
        upstream.on(json_answer(chat("of a second call")))
        async with lag.watched() as machine:
            began = time.perf_counter()
            await told_to_stop(leader)
            await asyncio.gather(*[client.rest() for client in (*told, *whole)])
        for client in told:
            assert client.content == "hel"
            assert "[DONE]" not in client.text
            assert error_of(client) == "shutting_down"
        ends = [client.ended_at for client in told]
        assert max(ends) - min(ends) < 1 + machine.worst_s
        assert max(ends) - began < SHORT["grace_s"] + 1 + machine.worst_s
        assert {(client.status, client.content) for client in whole} == {(200, "of a second call")}
        assert await asyncio.to_thread(leader.wait) == 0
        assert gate.gone.is_set()
    assert len(upstream.calls) == 2
