"""The L2 cache is lost under load (`kill -9`, SIGSTOP) and comes back; two gateways share it while it is there."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from proxy.settings import Settings
from tests.support import lag
from tests.support.gateway import Running, chat_body, running, settings
from tests.support.load import Load, Outcome, load
from tests.support.valkey import Valkey

OP_TIMEOUT_S = 0.1
SLACK_S = 0.25
"""For the work of a request among others, on top of what the machine itself held the loop up."""
HEAL_S = 15.0
"""Probes come at most 5 s apart."""


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


def with_l2(server: Valkey) -> Settings:
    return settings(stores={"redis": server.url}, cache={"l2": {"op_timeout_ms": OP_TIMEOUT_S * 1e3}})


def mixed(repeated: int = 20) -> Callable[[], tuple[str, dict[str, Any]]]:
    """Every other request is one of a few that come again and again, the rest never came before."""
    numbers = count()

    def following() -> tuple[str, dict[str, Any]]:
        n = next(numbers)
        if n % 2:
            return "new", chat_body(f"new {n}", model="echo")
        return "repeat", chat_body(f"repeat {n // 2 % repeated}", model="echo")

    return following


async def health(edge: Running) -> dict[str, Any]:
    facts: dict[str, Any] = (await edge.client.get("/health")).json()
    return facts


async def until_l2(edge: Running, healthy: bool) -> None:
    """`/health` says so."""
    async with asyncio.timeout(HEAL_S):
        while (await health(edge))["cache"]["l2_healthy"] is not healthy:
            await asyncio.sleep(0.02)


def l2_gauge(edge: Running, family: str) -> list[float]:
    return [s.values[0] for s in edge.gateway.metrics.snapshot() if s.family == f"llm_edge_cache_{family}" and s.labels == ("l2",)]


def tiers(outcomes: list[Outcome], label: str) -> Counter[str]:
    return Counter(o.tier for o in outcomes if o.label == label)


async def told(edge: Running, text: str) -> str:
    """Where the answer to a prompt comes from: the tier, or `miss`."""
    answer = await edge.chat(text, model="echo")
    assert answer.status_code == 200
    return answer.headers.get("x-llm-edge-cache-tier", answer.headers["x-llm-edge-cache"])


async def lose(valkey: Valkey, edge: Running, steady: Load) -> list[Outcome]:
    """`kill -9`, and what 600 requests meet after it is known that L2 is gone."""
    await asyncio.to_thread(valkey.kill)
    await steady.more(300)
    await until_l2(edge, False)
    return await steady.more(600)


async def test_killed_under_load(valkey: Valkey) -> None:
    """No request fails, L1 hits go on, `/health` tells of the loss and of the return, and L2 hits come back by themselves."""
    async with running(with_l2(valkey)) as edge, running(with_l2(valkey)) as other:
        async with load(edge.url, mixed(), clients=32) as steady:
            await steady.more(600)
            assert (await health(edge))["cache"] | {"l1_entries": 0} == {
                "l1_healthy": True,
                "l2_healthy": True,
                "l2_configured": True,
                "l1_entries": 0,
            }
            during = await lose(valkey, edge, steady)
            assert tiers(during, "repeat").keys() == {"l1"}
            assert tiers(during, "new").keys() == {""}
            assert (await health(edge))["status"] == "degraded"
            assert l2_gauge(edge, "available") == [0.0]
            await asyncio.to_thread(valkey.start)
            await until_l2(edge, True)
            await until_l2(other, True)
            await steady.more(300)
        assert Counter(o.status for o in steady.outcomes).keys() == {200}
        assert (await health(edge))["status"] == "healthy"
        assert l2_gauge(edge, "available") == [1.0]
        assert await told(edge, "after the return") == "miss"
        assert await told(other, "after the return") == "l2"
        await edge.idle()


async def test_killed_while_requests_wait_for_it(valkey: Valkey) -> None:
    """Look-ups that were under way when it died are misses."""
    async with running(with_l2(valkey)) as edge:
        valkey.stall()
        asked = [asyncio.ensure_future(edge.chat(f"waiting {n}", model="echo")) for n in range(16)]
        while edge.gateway.state.in_flight.requests < 16:
            await asyncio.sleep(0)
        await asyncio.to_thread(valkey.kill)
        assert {(await a).status_code for a in asked} == {200}


async def test_stalled_under_load(valkey: Valkey) -> None:
    """SIGSTOP, the slow death: nobody waits longer than the operation time-out, and once the breaker is open nobody waits at all."""
    async with running(with_l2(valkey)) as edge, lag.watched() as machine:
        async with load(edge.url, mixed(), clients=8) as steady:
            usual = max(o.seconds for o in await steady.more(300))
            valkey.stall()
            await until_l2(edge, False)
            after = await steady.more(400)
            valkey.resume()
            await until_l2(edge, True)
            await steady.more(100)
        assert Counter(o.status for o in steady.outcomes).keys() == {200}
        assert max(o.seconds for o in steady.outcomes) < OP_TIMEOUT_S + usual + SLACK_S + machine.worst_s
        unbothered = sorted(o.seconds for o in after if o.label == "new")
        assert unbothered[len(unbothered) // 2] < OP_TIMEOUT_S / 2


async def test_absent_at_the_start(valkey: Valkey) -> None:
    """A gateway whose Redis is down starts with L1 alone, and takes L2 up when it comes."""
    await asyncio.to_thread(valkey.kill)
    async with running(with_l2(valkey)) as edge:
        assert [await told(edge, "early"), await told(edge, "early")] == ["miss", "l1"]
        assert (l2_gauge(edge, "available"), l2_gauge(edge, "size_entries")) == ([0.0], [])
        await asyncio.to_thread(valkey.start)
        await until_l2(edge, True)
        assert await told(edge, "late") == "miss"
        async with running(with_l2(valkey)) as other:
            assert [await told(other, "late"), await told(other, "early")] == ["l2", "miss"]


async def test_two_gateways_share_l2(valkey: Valkey) -> None:
    """One's miss is the other's L2 hit, which from then on is in its own L1."""
    async with running(with_l2(valkey)) as one, running(with_l2(valkey)) as two:
        assert await told(one, "shared") == "miss"
        assert [await told(two, "shared") for _ in range(2)] == ["l2", "l1"]
        assert await told(one, "shared") == "l1"
