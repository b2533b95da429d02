"""Contract Q over two real gateway processes and one real Valkey: one call for both, and a leader that is killed is succeeded once its
lease has ended."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from proxy.storage.usage import UsageRecord, decode
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import PATIENT_S
from tests.support.raw_chat import RawChat
from tests.support.two_processes import edge_pair
from tests.support.upstream import Call, Upstream, chat, chat_stream
from tests.support.valkey import Valkey

pytestmark = pytest.mark.allow_tasks("the gateways' connections to the upstream, which outlive a test")

ONCE = {"idempotency-key": "order-1", "cache-control": "no-store"}
LEASE_S = 2.0
CACHE = {"single_flight": {"shared": False}, "l2": {"op_timeout_ms": 5000}}
"""Single flight is off: it must not be what makes one call of many."""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def upstream(valkey: Valkey) -> AsyncIterator[Upstream]:
    valkey.command("FLUSHALL")
    async with Upstream() as up:
        yield up


@pytest.fixture
async def pair(upstream: Upstream, valkey: Valkey, tmp_path: Path) -> AsyncIterator[tuple[EdgeProcess, EdgeProcess]]:
    async with edge_pair(upstream, valkey.url, tmp_path, cache=CACHE, idempotency={"lease_s": LEASE_S}) as edges:
        yield edges


def asks(edge: EdgeProcess, *, stream: bool = False) -> RawChat:
    return RawChat(edge.port, stream=stream, headers=ONCE)


@pytest.mark.parametrize("stream", [False, True])
async def test_duplicates_at_two_processes_make_one_call(upstream: Upstream, pair: tuple[EdgeProcess, EdgeProcess], stream: bool) -> None:
    """Those elsewhere get what was stored, bytes and all; longer than a lease, which is renewed."""

    async def handle(call: Call) -> None:
        await asyncio.sleep(LEASE_S * 1.5)
        if not stream:
            await call.answer(200, chat("hello"))
            return
        await call.begin_stream()
        for event in chat_stream("hel", "lo"):
            await call.chunk(event)
        await call.end_stream()

    upstream.on(handle)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(asks(pair[n % 2], stream=stream)) for n in range(40)]
        await asyncio.gather(*(client.rest() for client in clients))
        assert {(client.status, client.text) for client in clients} == {(200, clients[0].text)}
        assert clients[0].content == "hello"
        assert sum(client.header("idempotency-replayed") == "true" for client in clients) == 39
    assert len(upstream.calls) == 1


async def test_a_killed_leader_is_succeeded_after_its_lease(
    upstream: Upstream, pair: tuple[EdgeProcess, EdgeProcess], tmp_path: Path
) -> None:
    """Not before; by one call, whose answer all that wait get, and whose usage record says so."""

    async def handle(call: Call) -> None:
        if len(upstream.calls) == 1:
            await call.until_gone()
        else:
            await call.answer(200, chat("second"))

    upstream.on(handle)
    leader, other = pair
    async with AsyncExitStack() as stack:
        began = time.monotonic()
        await stack.enter_async_context(asks(leader))
        await upstream.received(1)
        waiting = [await stack.enter_async_context(asks(other)) for _ in range(20)]
        leader.signal(signal.SIGKILL)
        await asyncio.gather(*(client.rest() for client in waiting))
        assert time.monotonic() - began >= LEASE_S
        assert {(client.status, client.content) for client in waiting} == {(200, "second")}
    assert len(upstream.calls) == 2
    records = await recorded(tmp_path / "other" / "records.db", 20)
    assert sorted((record.taken_over, record.replayed) for record in records) == [(False, True)] * 19 + [(True, False)]


async def test_a_drain_waits_for_a_request_whose_client_is_gone(upstream: Upstream, pair: tuple[EdgeProcess, EdgeProcess]) -> None:
    """Within the grace: its answer is stored, and the other process has it."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await release.wait()
        await call.answer(200, chat("kept"))

    upstream.on(handle)
    leader, other = pair
    async with asks(leader) as gone:
        await upstream.received(1)
        gone.leave()
    leader.signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    release.set()
    async with asks(other) as client:
        assert (await client.rest()).content == "kept"
        assert client.header("idempotency-replayed") == "true"
    assert len(upstream.calls) == 1


async def recorded(file: Path, n: int) -> list[UsageRecord]:
    """Until a process has delivered so many usage records."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db, db:
                rows = db.execute("SELECT body FROM usage_records").fetchall()
            if len(rows) >= n:
                return [decode(body.encode()) for (body,) in rows]
            await asyncio.sleep(0.05)


async def test_without_redis_requests_with_a_key_are_refused(upstream: Upstream, tmp_path: Path) -> None:
    """503; those without a key go on."""

    async def handle(call: Call) -> None:
        await call.answer(200, chat("hello"))

    upstream.on(handle)
    with Valkey() as valkey:
        async with edge_pair(upstream, valkey.url, tmp_path, cache=CACHE) as pair:
            valkey.kill()
            async with asks(pair[0]) as refused, RawChat(pair[0].port) as plain:
                assert (await refused.rest()).status == 503
                assert (await plain.rest()).status == 200
