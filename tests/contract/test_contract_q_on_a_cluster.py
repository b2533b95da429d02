"""Contract Q over two gateways that share a Redis Cluster of three nodes. (Over one server: test_contract_q_two_processes.py.)"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.support.cluster import Cluster
from tests.support.raw_chat import RawChat
from tests.support.two_edges import two
from tests.support.upstream import Call, Upstream, chat, chat_stream

TENANTS = [f"test-key-{n}-0123456789" for n in range(20)]
"""So many that each node has some of their slots: a static key is a tenant of its own, and all that a tenant has is in one slot."""
ONCE = {"idempotency-key": "order-1", "cache-control": "no-store"}
AUTH = {"static_keys": TENANTS}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as servers:
        yield servers


@pytest.fixture
async def upstream(cluster: Cluster) -> AsyncIterator[Upstream]:
    cluster.flush()
    async with Upstream() as up:
        yield up


@pytest.mark.parametrize("stream", [False, True])
async def test_duplicates_at_two_gateways_make_one_call_a_tenant(upstream: Upstream, cluster: Cluster, stream: bool) -> None:
    """At the same time and afterwards; what is stored is the same to the byte."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await release.wait()
        if not stream:
            await call.answer(200, chat("hello"))
            return
        await call.begin_stream()
        for event in chat_stream("hel", "lo"):
            await call.chunk(event)
        await call.end_stream()

    upstream.on(handle)
    async with two(upstream, cluster.url, auth=AUTH) as edges, AsyncExitStack() as stack:

        async def ask(key: str, at: int) -> RawChat:
            return await stack.enter_async_context(RawChat(edges[at].url, key=key, stream=stream, headers=ONCE))

        first = [await ask(key, 0) for key in TENANTS]
        await upstream.received(len(TENANTS))
        others = [await ask(key, 1) for key in TENANTS]
        await asyncio.sleep(0.2)
        release.set()
        await asyncio.gather(*(client.rest() for client in (*first, *others)))
        late = [await (await ask(key, 1)).rest() for key in TENANTS]
        assert {client.status for client in (*first, *others, *late)} == {200}
        assert [client.text for client in others] == [client.text for client in first] == [client.text for client in late]
        assert {client.header("idempotency-replayed") for client in (*others, *late)} == {"true"}
    assert len(upstream.calls) == len(TENANTS)


async def test_whose_node_is_gone_is_refused_and_the_others_go_on(upstream: Upstream, cluster: Cluster) -> None:
    """503 for a third of the tenants, since nobody knows what ran; without a key they go on, too."""

    async def handle(call: Call) -> None:
        await call.answer(200, chat("hello"))

    upstream.on(handle)
    async with two(upstream, cluster.url, auth=AUTH) as (one, _):

        async def ask(key: str, headers: dict[str, str]) -> int:
            async with RawChat(one.url, key=key, headers=headers) as client:
                return (await client.rest()).status

        assert {await ask(key, ONCE) for key in TENANTS} == {200}
        cluster.masters[0].kill()
        statuses = [await ask(key, ONCE) for key in TENANTS]
        assert set(statuses) == {200, 503}
        assert {await ask(key, {"cache-control": "no-store"}) for key in TENANTS} == {200}
