"""Contract J over two replicas where the leader's call is more than one call: hedged, or continued after its stream broke off.

Two gateways on sockets of their own, with nothing in common but a real Valkey and two scripted upstreams.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from proxy.storage.issue import new_key, signing_secret
from tests.support.broken_streams import begun, streaming, whole
from tests.support.eventually import eventually
from tests.support.library import data_of
from tests.support.raw_chat import RawChat
from tests.support.two_edges import joined
from tests.support.two_racing import asking, two_racing
from tests.support.two_targets import Held, Pair, after
from tests.support.upstream import Call, chat, chat_chunk, chat_stream, json_answer, stream_answer
from tests.support.valkey import Valkey

SOON: dict[str, Any] = {"after_s": 0.05, "share": 1, "streams_only": False}
ROLE = chat_chunk({"role": "assistant", "content": ""})


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def valkey(server: Valkey) -> Valkey:
    server.command("FLUSHALL")
    return server


async def followers(stack: AsyncExitStack, pair: Pair, *forms: bool) -> list[RawChat]:
    """One for each form, streamed or not; all have joined the other replica's call."""
    clients = [await stack.enter_async_context(asking(pair, stream=form)) for form in forms]
    await joined(pair.edge, len(forms))
    return clients


async def watched(pair: Pair) -> None:
    """Until the leader knows that its call is followed."""
    await eventually(lambda: any(flight.shared for flight in pair.edge.gateway.state.pipeline.flights._flights.values()))


async def gone(leader: RawChat, pair: Pair) -> None:
    """The leader's client leaves, and its gateway knows."""
    leader.leave()
    await eventually(lambda: pair.counted("llm_edge_active_connections") == 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_when_the_hedge_wins_followers_elsewhere_get_its_text_only(valkey: Valkey, stream: bool) -> None:
    """Of either form. Two calls in all; what the loser cost is one line of the leader's, and nothing of it is on the followers'."""
    slow, go, asked = Held(ROLE if stream else b""), asyncio.Event(), asyncio.Event()

    async def answer(call: Call) -> None:
        asked.set()
        await go.wait()
        await (stream_answer(chat_stream("from ", "two")) if call.json.get("stream") else json_answer(chat("from two")))(call)

    async with two_racing(valkey.url, hedge=SOON) as (one, other), AsyncExitStack() as stack:
        one.a.on(slow)
        one.b.on(answer)
        leader = await stack.enter_async_context(asking(one, stream=stream))
        await asked.wait()
        others = await followers(stack, other, True, True, False)
        go.set()
        clients = [await client.rest() for client in (leader, *others)]
        assert {(client.status, client.content) for client in clients} == {(200, "from two")}
        assert {client.header("x-llm-edge-model") for client in clients} == {"two"}
        await asyncio.wait_for(slow.gone.wait(), 1)
        assert (len(one.a.calls), len(one.b.calls)) == (1, 1)
        (line,) = await one.lines()
        lost, won = line["tries"]
        assert [(t["provider"], t["role"]) for t in (lost, won)] == [("a", "hedge_loser"), ("b", "hedge")]
        assert line["cost_nanos"] == 9 * 2000 + 3 * 20000 + lost["cost_nanos"]
        assert lost["cost_nanos"] > 0
        assert one.counted("llm_edge_attempts_total", "a", "one", "hedge_loser", "success") == 1
        for followed in await other.lines():
            assert (followed.get("cost_nanos", 0), followed.get("tries", [])) == (0, [])
        assert other.counted("llm_edge_cost_usd_total") == other.counted("llm_edge_hedges_total") == 0


async def test_when_the_first_wins_after_all_nothing_of_the_hedge_is_seen_elsewhere(valkey: Valkey) -> None:
    """It had sent its head and a beginning without content."""
    hedge, go = Held(ROLE), asyncio.Event()
    async with two_racing(valkey.url, hedge=SOON) as (one, other), AsyncExitStack() as stack:
        one.a.on(after(go, stream_answer(chat_stream("from ", "one"))))
        one.b.on(hedge)
        leader = await stack.enter_async_context(asking(one))
        await hedge.asked.wait()
        others = await followers(stack, other, True, False)
        go.set()
        clients = [await client.rest() for client in (leader, *others)]
        assert {(client.status, client.content, client.header("x-llm-edge-model")) for client in clients} == {(200, "from one", "one")}
        await asyncio.wait_for(hedge.gone.wait(), 1)


@pytest.mark.parametrize("stream", [True, False])
async def test_who_may_not_use_the_winner_gets_nothing_of_it_elsewhere(valkey: Valkey, stream: bool) -> None:
    """Contract D: a key for the first target alone, which follows while nobody knows who will answer, then makes a call there."""
    slow, go, asked = Held(), asyncio.Event(), asyncio.Event()

    async def answer(call: Call) -> None:
        asked.set()
        await go.wait()
        await stream_answer(chat_stream("from two"))(call)

    async with two_racing(valkey.url, scope="global", hedge=SOON) as (one, other), AsyncExitStack() as stack:
        one.a.script(slow, stream_answer(chat_stream("own")) if stream else json_answer(chat("own")))
        one.b.on(answer)
        state = other.edge.gateway.state
        key, record = new_key(await signing_secret(state.records, None), 0.0, models=("a/one",))
        await state.records.create(record)
        leader = await stack.enter_async_context(asking(one))
        await asked.wait()
        refused = await stack.enter_async_context(RawChat(other.edge.url, key=key, model="m", stream=stream))
        await joined(other.edge)
        go.set()
        assert (await leader.rest()).content == "from two"
        assert ((await refused.rest()).status, refused.content, refused.header("x-llm-edge-model")) == (200, "own", "one")
        assert b"from two" not in refused.received
        assert (len(one.a.calls), len(one.b.calls)) == (2, 1)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_leader_that_leaves_in_a_race_leaves_it_to_followers_elsewhere(valkey: Valkey, stream: bool) -> None:
    """Both calls go on, the winner answers, nobody asks a third time; the record is the leader's, cancelled."""
    slow, go, asked = Held(), asyncio.Event(), asyncio.Event()

    async def answer(call: Call) -> None:
        asked.set()
        await go.wait()
        await (stream_answer(chat_stream("two")) if call.json.get("stream") else json_answer(chat("two")))(call)

    async with two_racing(valkey.url, hedge=SOON) as (one, other), AsyncExitStack() as stack:
        one.a.on(slow)
        one.b.on(answer)
        leader = await stack.enter_async_context(asking(one, stream=stream))
        await asked.wait()
        others = await followers(stack, other, True, False)
        await watched(one)
        await gone(leader, one)
        assert not slow.gone.is_set()
        go.set()
        assert {(await client.rest()).content for client in others} == {"two"}
        assert (len(one.a.calls), len(one.b.calls)) == (1, 1)
        (line,) = await one.lines()
        assert [t["role"] for t in line["tries"]] == ["hedge_loser", "hedge"]
        assert line["completion_tokens"] == 3


@pytest.mark.parametrize("content", [False, True], ids=["in the race", "after it"])
async def test_the_race_ends_with_its_last_reader_elsewhere(valkey: Valkey, content: bool) -> None:
    """Every socket closes within a second of the follower's leaving (contract A)."""
    slow, second = Held(), Held(chat_chunk({"content": "two"}) if content else ROLE)
    async with two_racing(valkey.url, hedge=SOON) as (one, other), AsyncExitStack() as stack:
        one.a.on(slow)
        one.b.on(second)
        leader = await stack.enter_async_context(asking(one))
        await second.asked.wait()
        (follower,) = await followers(stack, other, True)
        await watched(one)
        if content:
            await asyncio.gather(leader.until("two"), follower.until("two"))
        await gone(leader, one)
        assert not second.gone.is_set()
        assert slow.gone.is_set() == content
        follower.leave()
        async with asyncio.timeout(1):
            await slow.gone.wait()
            await second.gone.wait()
        (line,) = await one.lines()
        assert len(line["tries"]) == 2


async def test_a_stream_that_is_followed_elsewhere_is_not_continued(valkey: Valkey) -> None:
    """As within one process: leader and followers get the error, and no text of two calls is anybody's."""
    broke = asyncio.Event()

    async def breaks(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "ab"}))
        await broke.wait()
        await call.end_stream()

    async with two_racing(valkey.url, continue_streams=True) as (one, other), AsyncExitStack() as stack:
        one.a.on(breaks)
        leader = await stack.enter_async_context(asking(one))
        await leader.until("ab")
        others = await followers(stack, other, True, True)
        await asyncio.gather(*[client.until("ab") for client in others])
        broke.set()
        for client in (leader, *others):
            events = data_of((await client.rest()).text)
            assert (client.content, events[-1]["error"]["code"]) == ("ab", "stream_truncated")
        assert len(one.b.calls) == 0


async def test_nobody_elsewhere_joins_a_stream_that_is_being_continued(valkey: Valkey) -> None:
    """Who asks the same meanwhile makes a call, which the next ones join; the continued text is its own client's alone."""
    go, second = asyncio.Event(), asyncio.Event()
    async with two_racing(valkey.url, continue_streams=True) as (one, other), AsyncExitStack() as stack:
        one.a.script(streaming("chat", begun("chat", "ab"), end="truncated"), after(second, stream_answer(chat_stream("own"))))
        one.b.on(after(go, streaming("chat", whole("chat", "cd"))))
        leader = await stack.enter_async_context(asking(one))
        await one.b.received(1)
        apart = [await stack.enter_async_context(asking(other, stream=stream)) for stream in (True, False)]
        await one.a.received(2)
        here = await stack.enter_async_context(asking(one))
        await joined(one.edge)
        second.set()
        assert {(await client.rest()).content for client in (*apart, here)} == {"own"}
        go.set()
        assert (await leader.rest()).content == "abcd"
        assert next(event["x_llm_edge"] for event in data_of(leader.text) if "x_llm_edge" in event)["continued"]["provider"] == "b"
        assert (len(one.a.calls), len(one.b.calls)) == (2, 1)
        assert one.counted("llm_edge_single_flight_leases_lost_total") == 0
