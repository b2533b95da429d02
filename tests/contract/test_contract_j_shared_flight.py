"""Contract J: single flight over the replicas that share a Redis. (Processes that are killed: test_contract_j_two_processes.py.)

Two gateways on sockets of their own, with nothing in common but a real Valkey.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from proxy.storage.issue import new_key, signing_secret
from tests.support import lag
from tests.support.eventually import eventually
from tests.support.raw_chat import RawChat
from tests.support.two_edges import Gated, joined, total, two
from tests.support.upstream import Call, Upstream, chat, chat_chunk, chat_stream, json_answer, stream_answer
from tests.support.valkey import Valkey


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def upstream(valkey: Valkey) -> AsyncIterator[Upstream]:
    valkey.command("FLUSHALL")
    async with Upstream() as up:
        yield up


@pytest.mark.parametrize("lead_streams", [True, False])
@pytest.mark.parametrize("follow_streams", [True, False])
async def test_identical_misses_at_two_replicas_make_one_call(
    upstream: Upstream, valkey: Valkey, lead_streams: bool, follow_streams: bool
) -> None:
    """Followers of either form join the live call of the other replica and see everything, at no cost."""
    gate = Gated(upstream)
    async with two(upstream, valkey.url) as (one, other), AsyncExitStack() as stack:
        leader = asyncio.ensure_future(one.chat(stream=lead_streams))
        await gate.asked.wait()
        followers = [await stack.enter_async_context(RawChat(other.url, stream=follow_streams)) for _ in range(5)]
        await joined(other, 5)
        gate.release.set()
        assert (await leader).status_code == 200
        for follower in followers:
            await follower.rest()
            assert (follower.status, follower.content) == (200, "hello")
            assert follower.header("x-llm-edge-cache") == "hit"
            assert follower.header("x-llm-edge-cache-tier") == "l2"
        assert len(upstream.calls) == 1
        assert total(other, "remote_joins") == 5
        costs = [s.values[0] for s in other.gateway.metrics.snapshot() if s.family in ("llm_edge_cost_usd_total", "llm_edge_tokens_total")]
        assert sum(costs) == 0


async def test_a_follower_elsewhere_sees_each_chunk_soon(upstream: Upstream, valkey: Valkey) -> None:
    """Within 50 ms of the leader's client, the first as well as the later ones, on top of what the machine held the loop up."""
    steps = [asyncio.Event() for _ in range(5)]
    asked = asyncio.Event()

    async def handle(call: Call) -> None:
        await call.begin_stream()
        asked.set()
        for n, step in enumerate(steps):
            await step.wait()
            await call.chunk(chat_chunk({"content": f"<{n}>"}))
        await call.chunk(chat_chunk({}, "stop"))
        await call.end_stream()

    upstream.on(handle)
    async with two(upstream, valkey.url) as (one, other), RawChat(one.url, stream=True) as leader:
        await asked.wait()
        async with RawChat(other.url, stream=True) as follower:
            await joined(other)
            delays = []
            async with lag.watched() as machine:
                for n, step in enumerate(steps):
                    step.set()
                    at_leader, at_follower = await asyncio.gather(leader.until(f"<{n}>"), follower.until(f"<{n}>"))
                    delays.append(at_follower - at_leader)
            await asyncio.gather(leader.rest(), follower.rest())
            assert "[DONE]" in follower.text
    assert max(delays) < 0.05 + machine.worst_s, delays


async def test_who_joins_late_sees_it_from_the_beginning(upstream: Upstream, valkey: Valkey) -> None:
    """Nothing had been published until it came."""
    gate = Gated(upstream)
    before = valkey.calls("xadd")
    async with two(upstream, valkey.url) as (one, other), RawChat(one.url, stream=True) as leader:
        await leader.until("hel")
        assert valkey.calls("xadd") == before
        async with RawChat(other.url, stream=True) as follower:
            await follower.until("hel")
            gate.release.set()
            assert (await follower.rest()).content == "hello"
        await leader.rest()


async def test_an_answer_that_is_not_stored_is_shared(upstream: Upstream, valkey: Valkey) -> None:
    """One that calls tools reaches the other replica by the stream alone."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    gate = Gated(upstream, whole=chat(choices=[{"index": 0, "finish_reason": "tool_calls", "message": message}]))
    async with two(upstream, valkey.url) as (one, other):
        leader = asyncio.ensure_future(one.chat())
        await gate.asked.wait()
        follower = asyncio.ensure_future(other.chat())
        await joined(other)
        gate.release.set()
        answers = [(await leader).json(), (await follower).json()]
        assert [a["choices"][0]["message"]["tool_calls"] for a in answers] == [[call]] * 2
        assert answers[1]["metadata"]["cost_usd"] == 0.0
        assert len(upstream.calls) == 1


async def test_an_error_reaches_the_other_replica_as_it_is(upstream: Upstream, valkey: Valkey) -> None:
    """Status, code, and whose it is."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def handle(call: Call) -> None:
        asked.set()
        await release.wait()
        await call.answer(400, {"error": {"message": "not like this", "type": "invalid_request_error", "code": "odd", "param": "x"}})

    upstream.on(handle)
    async with two(upstream, valkey.url) as (one, other):
        leader = asyncio.ensure_future(one.chat())
        await asked.wait()
        follower = asyncio.ensure_future(other.chat())
        await joined(other)
        release.set()
        first, second = await leader, await follower
        assert (second.status_code, second.json()) == (first.status_code, first.json())
        assert second.headers["x-llm-edge-error-source"] == "provider"
        assert len(upstream.calls) == 1


async def test_a_stream_that_breaks_is_an_in_band_error_at_both(upstream: Upstream, valkey: Valkey) -> None:
    """With what had come before, without a terminal event."""
    release = asyncio.Event()

    async def handle(call: Call) -> None:
        await call.begin_stream()
        await call.chunk(chat_chunk({"content": "hel"}))
        await release.wait()
        call.close()

    upstream.on(handle)
    async with (
        two(upstream, valkey.url) as (one, other),
        RawChat(one.url, stream=True) as leader,
        RawChat(other.url, stream=True) as follower,
    ):
        await leader.until("hel")
        await follower.until("hel")
        release.set()
        for client in (await leader.rest(), await follower.rest()):
            assert client.content == "hel"
            assert '"error"' in client.text
            assert "[DONE]" not in client.text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_leader_out_of_time_hands_over_to_the_other_replica(upstream: Upstream, valkey: Valkey, stream: bool) -> None:
    """Its own deadline is not the followers': one of them leads a call of its own, which the others join."""
    answer = stream_answer(chat_stream("own")) if stream else json_answer(chat("own"))

    async def first(call: Call) -> None:
        await call.until_gone()

    upstream.script(first, answer)
    async with two(upstream, valkey.url) as (one, other):
        leader = asyncio.ensure_future(one.chat(stream=stream, headers={"x-llm-edge-timeout-s": "0.6"}))
        await upstream.received(1)
        async with RawChat(other.url, stream=stream) as a, RawChat(other.url, stream=stream) as b:
            await joined(other, 2)
            assert (await leader).status_code == 504
            assert [(await client.rest()).content for client in (a, b)] == ["own"] * 2
        assert len(upstream.calls) == 2
        assert total(other, "handovers") == 2


async def test_the_call_goes_on_while_anybody_follows_anywhere(upstream: Upstream, valkey: Valkey) -> None:
    """The leader's client leaves; the follower at the other replica gets all of it."""
    gate = Gated(upstream)
    async with two(upstream, valkey.url) as (one, other), RawChat(other.url, stream=True) as follower:
        async with RawChat(one.url, stream=True) as leader:
            await leader.until("hel")
            await follower.until("hel")
        await asyncio.sleep(1.2)  # longer than anything that could keep it alive by mistake
        assert not gate.gone.is_set()
        gate.release.set()
        assert (await follower.rest()).content == "hello"
        assert len(upstream.calls) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_when_the_last_follower_leaves_upstream_closes(upstream: Upstream, valkey: Valkey, stream: bool) -> None:
    """Within a second, at the replica that nobody reads from (contract A)."""
    gate = Gated(upstream)
    async with two(upstream, valkey.url) as (one, other), RawChat(one.url, stream=stream) as leader:
        await gate.asked.wait()
        async with RawChat(other.url, stream=stream) as follower:
            await joined(other)
            await eventually(lambda: any(f.shared for f in one.gateway.state.pipeline.flights._flights.values()))
            if stream:
                await follower.until("hel")
            leader.leave()
            await asyncio.sleep(0.3)
            assert not gate.gone.is_set()
            follower.leave()
            async with asyncio.timeout(1):
                await gate.gone.wait()


async def test_a_remote_target_is_judged_by_permit(upstream: Upstream, valkey: Valkey) -> None:
    """A key that may not use what answers the shared call gets nothing of it (contract D)."""
    gate = Gated(upstream)
    async with two(upstream, valkey.url, cache={"scope": "global", "l2": {"op_timeout_ms": 5000}}) as (one, other):
        state = other.gateway.state
        key, record = new_key(await signing_secret(state.records, None), 0.0, models=("other",))
        await state.records.create(record)
        async with RawChat(one.url, stream=True) as leader:
            await leader.until("hel")
            async with RawChat(other.url, key=key, stream=True) as refused:
                await refused.rest()
                assert refused.status == 403
                assert "hel" not in refused.text
            gate.release.set()
            await leader.rest()


@pytest.mark.parametrize(("headers", "calls"), [({"cache-control": "no-cache"}, 2), ({"cache-control": "no-store"}, 2), ({}, 1)])
async def test_who_may_not_join_takes_no_lease(upstream: Upstream, valkey: Valkey, headers: dict[str, str], calls: int) -> None:
    """Nor waits for one."""
    gate = Gated(upstream)
    async with two(upstream, valkey.url) as (one, other):
        leader = asyncio.ensure_future(one.chat(headers=headers))
        await gate.asked.wait()
        assert (b":lease" in valkey.command("KEYS", "llm-edge:fl1:*")) == (not headers)
        second = asyncio.ensure_future(other.chat())
        await (joined(other) if calls == 1 else upstream.received(2))
        gate.release.set()
        assert [(await leader).status_code, (await second).status_code] == [200, 200]
        assert len(upstream.calls) == calls


async def test_sharing_can_be_turned_off(upstream: Upstream, valkey: Valkey) -> None:
    """Each replica makes its own call."""
    gate = Gated(upstream)
    async with two(upstream, valkey.url, cache={"single_flight": {"shared": False}}) as (one, other):
        answers = [asyncio.ensure_future(edge.chat()) for edge in (one, other)]
        await upstream.received(2)
        gate.release.set()
        assert [(await a).status_code for a in answers] == [200] * 2
        assert valkey.command("KEYS", "llm-edge:fl1:*") == b"*0\r\n"


async def test_an_l2_hit_leaves_no_lease(upstream: Upstream, valkey: Valkey) -> None:
    """The claim went out with the look-up; it is given back."""
    upstream.on(json_answer(chat()))
    async with two(upstream, valkey.url) as (one, other):
        await one.chat()
        hit = await other.chat()
        assert hit.headers["x-llm-edge-cache-tier"] == "l2"
        assert b"lease" not in valkey.command("KEYS", "llm-edge:fl1:*")


async def test_a_failed_call_leaves_no_lease(upstream: Upstream, valkey: Valkey) -> None:
    """The next request anywhere makes its own."""
    upstream.on(json_answer({"error": {"message": "no"}}, 400))
    async with two(upstream, valkey.url) as (one, other):
        assert [(await edge.chat()).status_code for edge in (one, other)] == [400, 400]
        assert len(upstream.calls) == 2
        assert b"lease" not in valkey.command("KEYS", "llm-edge:fl1:*")


async def test_a_long_answer_passes_whole(upstream: Upstream, valkey: Valkey) -> None:
    """3 MiB in 3,000 chunks, read by a client that is no faster than it must."""
    texts = [f"{n:05}" + "x" * 1019 for n in range(3000)]
    gate = Gated(upstream, *chat_stream(*texts)[1:])
    async with two(upstream, valkey.url) as (one, other), RawChat(one.url, stream=True) as leader:
        await leader.until("00000")
        async with RawChat(other.url, stream=True) as follower:
            await follower.until("00000")
            gate.release.set()
            await leader.rest()
            assert (await follower.rest()).content == "".join(texts)


@pytest.mark.parametrize("content", [False, True])
async def test_redis_killed_in_mid_flight(upstream: Upstream, content: bool) -> None:
    """The leader's client notices nothing. A follower that has shown content ends with an in-band error within a second; one that has
    not makes its own call at once."""
    with Valkey() as own:
        asked, release = asyncio.Event(), asyncio.Event()

        async def handle(call: Call) -> None:
            await call.begin_stream()
            if content:
                await call.chunk(chat_chunk({"content": "hel"}))
            asked.set()
            await release.wait()
            for event in chat_stream("lo")[1:] if content else chat_stream("hello"):
                await call.chunk(event)
            await call.end_stream()

        upstream.on(handle)
        async with two(upstream, own.url) as (one, other), RawChat(one.url, stream=True) as leader, lag.watched() as machine:
            await asked.wait()
            async with RawChat(other.url, stream=True) as follower:
                await joined(other)
                if content:
                    await follower.until("hel")
                killed_at = time.perf_counter()
                own.kill()
                if content:
                    await follower.rest()
                    assert follower.content == "hel"
                    assert '"error"' in follower.text
                    assert "[DONE]" not in follower.text
                    assert follower.ended_at - killed_at < 1.5 + machine.worst_s
                else:
                    await upstream.received(2)
                    assert time.perf_counter() - killed_at < 1.5 + machine.worst_s
                release.set()
                assert (await leader.rest()).content == "hello"
                if not content:
                    assert (await follower.rest()).content == "hello"


async def test_a_stalled_redis_costs_its_time_out_and_no_more(upstream: Upstream) -> None:
    """Claims and look-ups that get no answer: both replicas answer by calls of their own."""
    upstream.on(json_answer(chat()))
    with Valkey() as own:
        async with two(upstream, own.url, cache={"l2": {"op_timeout_ms": 100}}) as (one, other), lag.watched() as machine:
            own.stall()
            began = time.perf_counter()
            answers = await asyncio.gather(*[edge.chat() for edge in (one, other)])
            assert time.perf_counter() - began < 0.6 + machine.worst_s
            assert [a.status_code for a in answers] == [200, 200]
            assert len(upstream.calls) == 2
            own.resume()


async def test_a_redis_that_refuses_scripts_shares_nothing(upstream: Upstream) -> None:
    """By its ACL: requests are answered as without sharing, and it is asked only now and then."""
    gate = Gated(upstream)
    with Valkey() as own:
        own.command("ACL", "SETUSER", "default", "-eval")
        async with two(upstream, own.url) as (one, other):
            answers = [asyncio.ensure_future(edge.chat()) for edge in (one, other)]
            await upstream.received(2)
            gate.release.set()
            assert [(await a).status_code for a in answers] == [200] * 2
            own.command("ACL", "SETUSER", "default", "+eval")
            flights = one.gateway.state.pipeline.flights.shared
            assert flights is not None
            assert flights.claim(bytes(32)) is None


async def test_nothing_of_a_principal_is_in_the_stream(upstream: Upstream, valkey: Valkey) -> None:
    """Neither gateway keys nor provider keys (contract K)."""
    gate = Gated(upstream)
    async with (
        two(upstream, valkey.url) as (one, other),
        RawChat(one.url, stream=True) as leader,
        RawChat(other.url, stream=True) as follower,
    ):
        await leader.until("hel")
        await follower.until("hel")
        names = [line for line in valkey.command("KEYS", "llm-edge:fl1:*").split(b"\r\n") if line.startswith(b"llm-edge:")]
        assert {name.rpartition(b":")[2].partition(b".")[1] or name.rpartition(b":")[2] for name in names} >= {b"lease", b"beat", b"."}
        dumped = b"".join(valkey.command("GET", name) + valkey.command("XRANGE", name, "-", "+") for name in names)
        gate.release.set()
        await asyncio.gather(leader.rest(), follower.rest())
        assert b"hel" in dumped
        for secret in (b"test-key-0123456789", b"sk-provider-canary"):
            assert secret not in dumped
        assert json.loads(leader.text.splitlines()[0][6:])["choices"]
