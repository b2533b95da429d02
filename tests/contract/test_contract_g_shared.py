"""Contract G over two gateways and one real Redis: together they let through what one would, and twice that where Redis was away.

What two processes share is the Redis alone: here both run in the test's loop, each with connections and counters of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from time import monotonic
from typing import Any

import httpx2
import pytest

from proxy.storage.hot.admission_guarded import GuardedAdmission
from tests.support.eventually import eventually
from tests.support.gateway import Running, running, settings
from tests.support.two_edges import connected
from tests.support.upstream import Upstream, chat, json_answer
from tests.support.valkey import Valkey


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def upstream(valkey: Valkey) -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        up.on(json_answer({**chat("hello"), "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}}))
        yield up


class Pair:
    def __init__(self, *edges: Running) -> None:
        self.edges = edges

    async def burst(self, n: int, **body: Any) -> list[int]:
        """Status codes of that many requests at once, each of its own, every other one to the other gateway."""
        asked = [self.edges[i % 2].chat(f"{monotonic()} {i}", **body) for i in range(n)]
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    def admission(self, n: int) -> GuardedAdmission:
        store = self.edges[n].gateway.state.admission
        assert isinstance(store, GuardedAdmission)
        return store


class Two:
    def __init__(self, up: Upstream, url: str, *, op_timeout_ms: int = 5000, **limits: Any) -> None:
        self.config = settings(
            up.url, stores={"redis": url}, cache={"enabled": False, "l2": {"op_timeout_ms": op_timeout_ms}}, limits=limits
        )

    async def __aenter__(self) -> Pair:
        self.running = [running(self.config), running(self.config)]
        edges = [await one.__aenter__() for one in self.running]
        for edge in edges:
            await connected(edge)
        pair = Pair(*edges)
        await eventually(lambda: all(_sees_two(pair.admission(n)) for n in (0, 1)))
        return pair

    async def __aexit__(self, *error: Any) -> None:
        for one in reversed(self.running):
            await one.__aexit__(None, None, None)


def _sees_two(admission: GuardedAdmission) -> bool:
    admission.fleet.look()
    return admission.fleet.share[1] == 2


async def test_a_burst_gets_exactly_the_limit(upstream: Upstream, valkey: Valkey) -> None:
    """60 at once over both for 25 places."""
    async with Two(upstream, valkey.url, default={"rpm": 25}) as pair:
        codes = await pair.burst(60)
        assert (codes.count(200), codes.count(429)) == (25, 35)
        assert len(upstream.calls) == 25


async def test_tokens_are_counted_together_and_settled(upstream: Upstream, valkey: Valkey) -> None:
    """Each reserves 100 output tokens of 1000 and uses 5."""
    async with Two(upstream, valkey.url, default={"output_tpm": 1000}) as pair:
        codes = await pair.burst(30, max_tokens=100)
        assert (codes.count(200), codes.count(429)) == (10, 20)
        for edge in pair.edges:
            await edge.idle()
        answer = await pair.edges[0].chat("again", max_tokens=100)
        assert (answer.status_code, answer.headers["x-ratelimit-remaining-output-tokens"]) == (200, "850")


async def test_a_cached_answer_is_given_when_the_tokens_are_used_up(upstream: Upstream, valkey: Valkey) -> None:
    """With no word of a refusal, which is for who needs a call."""
    config = settings(
        upstream.url, stores={"redis": valkey.url}, cache={"l2": {"op_timeout_ms": 5000}}, limits={"default": {"input_tpm": 30, "rpm": 9}}
    )
    async with running(config) as edge:
        await connected(edge)
        for _ in range(2):
            answer = await edge.chat("same", temperature=0)
            await edge.idle()
        assert (answer.status_code, answer.headers["x-llm-edge-cache"]) == (200, "hit")
        assert "retry-after-ms" not in answer.headers
        assert (answer.headers["x-ratelimit-remaining"], answer.headers["x-ratelimit-remaining-input-tokens"]) == ("7", "10")
        refused = await edge.chat("other", temperature=0)
        assert (refused.status_code, "retry-after-ms" in refused.headers) == (429, True)
        await edge.idle()
        assert (await edge.chat("same", temperature=0)).headers["x-ratelimit-remaining"] == "6"
        assert edge.gateway.metrics.counters["llm_edge_rate_limited_total", "api_key", "input"] == 1


async def test_every_answer_says_what_is_left_for_both(upstream: Upstream, valkey: Valkey) -> None:
    """Refusals, and errors before admission, too."""
    async with Two(upstream, valkey.url, default={"rpm": 3}) as pair:
        seen: list[httpx2.Response] = [await pair.edges[n % 2].chat(f"{n}") for n in range(4)]
        assert [answer.headers["x-ratelimit-remaining"] for answer in seen] == ["2", "1", "0", "0"]
        assert seen[3].status_code == 429
        assert 60 <= int(seen[3].headers["retry-after"]) <= 61
        answer = await pair.edges[0].client.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (400, "0")


async def test_one_trip_before_the_upstream_call(upstream: Upstream, valkey: Valkey) -> None:
    """Limits of key, model and gateway: two scripts in one write."""
    limits: dict[str, Any] = {
        "default": {"rpm": 100, "input_tpm": 10_000},
        "gateway": {"rpm": 1000},
        "models": {"gpt-4o-mini": {"output_tpm": 10_000}},
    }
    async with Two(upstream, valkey.url, **limits) as pair:
        edge = pair.edges[0]
        await edge.chat("warm")
        hot: Any = edge.gateway.state.hot
        await eventually(lambda: not hot._queued_bytes)
        writes: list[int] = []
        upstream.on(lambda call: _noting(call, writes, hot))
        before = hot.batches_sent
        await edge.chat("measured")
        assert writes[0] - before <= 1


async def _noting(call: Any, writes: list[int], hot: Any) -> None:
    writes.append(hot.batches_sent)
    await call.answer(200, chat("hello"))


async def test_slots_are_given_back_when_a_gateway_dies(upstream: Upstream, valkey: Valkey) -> None:
    """Its lease ends: here it was never renewed."""
    async with Two(upstream, valkey.url, default={"concurrency": 3}) as pair:
        asked = asyncio.Event()

        async def never(call: Any) -> None:
            asked.set()
            await call.until_gone()

        upstream.on(never)
        lost = asyncio.ensure_future(pair.edges[0].chat("lost"))
        await asked.wait()
        members = valkey.command("EVAL", "return redis.call('ZCARD', redis.call('KEYS', '*:s:*')[1])", 0)
        assert members == b":1\r\n"
        await asyncio.sleep(0.01)
        end = b"local key = redis.call('KEYS', '*:s:*')[1] return redis.call('ZADD', key, '1', redis.call('ZRANGE', key, 0, 0)[1])"
        valkey.command("EVAL", end, 0)
        upstream.on(json_answer(chat("hello")))
        assert await pair.burst(3) == [200] * 3
        lost.cancel()


async def test_an_outage_lets_at_most_twice_the_limit_through(upstream: Upstream, valkey: Valkey) -> None:
    """Redis dies with all that it knew in the middle of a minute, and comes back empty: 20, and once more the shares of both."""
    async with Two(upstream, valkey.url, op_timeout_ms=100, default={"rpm": 20}, on_redis_loss="local") as pair:
        assert (await pair.burst(30)).count(200) == 20
        valkey.kill()
        for n in (0, 1):
            hot = pair.edges[n].gateway.state.hot
            await eventually(lambda hot=hot: not hot.connected)  # type: ignore[misc]
        assert (await pair.burst(60)).count(200) <= 10  # what Redis let through counts: of one's share of 10 something may be left
        valkey.start()
        for edge in pair.edges:
            await connected(edge)
            await eventually(lambda edge=edge: edge.gateway.state.hot.available)  # type: ignore[misc]
        await pair.burst(60)
        assert 20 <= len(upstream.calls) <= 40


async def test_in_an_outage_each_has_its_share(upstream: Upstream, valkey: Valkey) -> None:
    """Together no more than the limit, whoever is asked; all of it, where nothing was used before."""
    async with Two(upstream, valkey.url, op_timeout_ms=100, default={"rpm": 21}) as pair:
        valkey.kill()
        try:
            assert (await pair.burst(60)).count(200) == 21
            answer = await pair.edges[0].chat("more")
            assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (429, "0")
        finally:
            valkey.start()
        for edge in pair.edges:
            await connected(edge)


@pytest.mark.parametrize(("on_loss", "status"), [("deny", 503), ("allow", 200)])
async def test_other_ways_to_lose_redis(upstream: Upstream, valkey: Valkey, on_loss: str, status: int) -> None:
    """Nothing passes, or everything does; both end when Redis is back."""
    async with Two(upstream, valkey.url, op_timeout_ms=100, default={"rpm": 2}, on_redis_loss=on_loss) as pair:
        valkey.kill()
        try:
            assert await pair.burst(6) == [status] * 6
        finally:
            valkey.start()
        for edge in pair.edges:
            await connected(edge)
            await eventually(lambda edge=edge: edge.gateway.state.hot.available)  # type: ignore[misc]
        assert (await pair.burst(6)).count(200) == 2


async def test_what_ends_in_an_outage_is_settled_after_it(upstream: Upstream, valkey: Valkey) -> None:
    """Redis kept its data: what was reserved before goes back when it answers again."""
    async with Two(upstream, valkey.url, op_timeout_ms=100, default={"output_tpm": 1000, "concurrency": 5}) as pair:
        edge = pair.edges[0]
        for n in range(2):  # the scripts are known then
            await edge.chat(f"warm {n}", max_tokens=10)
            await edge.idle()
        gate, asked = asyncio.Event(), asyncio.Event()

        async def waiting(call: Any) -> None:
            asked.set()
            await gate.wait()
            await call.answer(200, {**chat("hello"), "usage": {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}})

        upstream.on(waiting)
        asking = asyncio.ensure_future(edge.chat("before", max_tokens=900))
        await asked.wait()
        valkey.stall()
        try:
            gate.set()
            assert (await asking).status_code == 200
            await edge.idle()
            await asyncio.sleep(0.3)
        finally:
            valkey.resume()
        upstream.on(json_answer({**chat("hello"), "usage": {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}}))

        hot = edge.gateway.state.hot
        await eventually(lambda: hot is not None and hot.available)
        await edge.chat("heals", max_tokens=10)
        await edge.idle()
        assert not pair.admission(0).lost
        answer = await edge.chat("after", max_tokens=10)
        assert int(answer.headers["x-ratelimit-remaining-output-tokens"]) == 1000 - 4 * 5 - 10
