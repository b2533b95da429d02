"""Contract J: single flight over replicas that share a Redis Cluster of three nodes, where what belongs to a call and what belongs to its
leader may be at two of them. (Over one server: test_contract_j_shared_flight.py.)
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.cache.sharing import wire
from proxy.storage.hot.slots import slot_of
from tests.support import lag
from tests.support.cluster import Cluster
from tests.support.raw_chat import RawChat
from tests.support.two_edges import Gated, joined, total, two
from tests.support.upstream import Call, Upstream, chat, chat_stream, json_answer, stream_answer


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as servers:
        yield servers


@pytest.fixture
async def upstream(cluster: Cluster) -> AsyncIterator[Upstream]:
    cluster.flush()
    async with Upstream() as up:
        yield up


def test_all_of_one_flight_is_in_one_slot() -> None:
    """Each script touches one name, and lease and stream stay together."""
    names = wire.Names("llm-edge:")
    assert slot_of(names.lease(bytes(32))) == slot_of(names.stream(bytes(32), "a.1"))
    assert slot_of(names.beat("a")) == slot_of(names.inbox("a"))


@pytest.mark.parametrize("stream", [False, True])
async def test_identical_misses_at_two_replicas_make_one_call(upstream: Upstream, cluster: Cluster, stream: bool) -> None:
    """Twenty questions, so that each node has some; two followers each."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        text = call.json["messages"][0]["content"]
        await release.wait()
        await (stream_answer(chat_stream(f"re: {text}")) if stream else json_answer(chat(f"re: {text}")))(call)

    upstream.on(handle)
    async with two(upstream, cluster.url) as (one, other):
        leaders = [asyncio.ensure_future(one.chat(f"question {n}", stream=stream)) for n in range(20)]
        await upstream.received(20)
        followers = [RawChat(other.url, f"question {n % 20}", stream=stream) for n in range(40)]
        async with asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.__aenter__())
        await joined(other, 40)
        release.set()
        for n, follower in enumerate(followers):
            assert (await follower.rest()).content == f"re: question {n % 20}"
            await follower.__aexit__()
        assert {(await leader).status_code for leader in leaders} == {200}
        assert len(upstream.calls) == 20


async def test_the_call_ends_with_its_last_reader_elsewhere(upstream: Upstream, cluster: Cluster) -> None:
    """It outlives the leader's client, and closes within a second of the follower's leaving (contract A)."""
    gate = Gated(upstream)
    async with two(upstream, cluster.url) as (one, other), RawChat(other.url, stream=True) as follower:
        async with RawChat(one.url, stream=True) as leader:
            await asyncio.gather(leader.until("hel"), follower.until("hel"))
        await asyncio.sleep(1)
        assert not gate.gone.is_set()
        follower.leave()
        async with asyncio.timeout(1):
            await gate.gone.wait()


async def test_a_leader_out_of_time_hands_over(upstream: Upstream, cluster: Cluster) -> None:
    """To a request at the other replica."""

    async def first(call: Call) -> None:
        await call.until_gone()

    upstream.script(first, json_answer(chat("own")))
    async with two(upstream, cluster.url) as (one, other):
        leader = asyncio.ensure_future(one.chat(headers={"x-llm-edge-timeout-s": "0.6"}))
        await upstream.received(1)
        follower = asyncio.ensure_future(other.chat())
        await joined(other)
        assert (await leader).status_code == 504
        assert (await follower).json()["choices"][0]["message"]["content"] == "own"
        assert total(other, "handovers") == 1


async def test_a_node_that_is_killed_costs_its_own_calls_no_request(upstream: Upstream) -> None:
    """Whole answers under way at each node: all are answered, by the shared call or by one of their own."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await release.wait()
        await call.answer(200, chat("answer"))

    upstream.on(handle)
    with Cluster() as own:
        async with two(upstream, own.url, cache={"l2": {"op_timeout_ms": 500}}) as (one, other), lag.watched():
            leaders = [asyncio.ensure_future(one.chat(f"question {n}")) for n in range(12)]
            await upstream.received(12)
            followers = [asyncio.ensure_future(other.chat(f"question {n}")) for n in range(12)]
            await joined(other, 12)
            own.nodes[1].kill()
            await asyncio.sleep(1.5)
            release.set()
            answers = [await request for request in (*leaders, *followers)]
            assert {(a.status_code, a.json()["choices"][0]["message"]["content"]) for a in answers} == {(200, "answer")}
            assert 12 <= len(upstream.calls) <= 24
