"""Load shedding."""

import asyncio
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.governance.shedding import PERIOD_S, UNBOUNDED, AdaptiveLimit, Overloaded, Shedder
from proxy.transport.scripted import ScriptedTransport
from tests.support.eventually import eventually
from tests.support.library import in_process, json_reply, one_provider, provider
from tests.support.upstream import chat


def late(limit: AdaptiveLimit, late_s: float, in_flight: int, periods: int, start: float = 0.0) -> float:
    now = start
    for _ in range(periods * 10):
        now += PERIOD_S / 10
        limit.observe(late_s, in_flight, now)
    return now


def test_nothing_is_limited_before_the_loop_is_late() -> None:
    """However many requests wait for their providers."""
    limit = AdaptiveLimit()
    late(limit, 0.05, 50_000, 100)
    assert limit.limit == UNBOUNDED


def test_a_late_loop_lets_fewer_in_and_a_punctual_one_more() -> None:
    """Four fifths a second, then five percent; free again when the rush is over."""
    limit = AdaptiveLimit(lag_s=0.25, minimum=32)
    now = late(limit, 1.0, 1000, 1)
    assert limit.limit == 800
    now = late(limit, 1.0, 800, 1, now)
    assert limit.limit == 640
    now = late(limit, 0.0, 640, 1, now)
    low = limit.limit
    now = late(limit, 0.0, 640, 3, now)
    assert low < limit.limit < low * 1.25
    late(limit, 0.0, 10, 2, now)
    assert limit.limit == UNBOUNDED


def test_one_pause_of_the_machine_is_no_overload() -> None:
    """A suspended virtual machine is one late sample, of minutes; two late ones after another are a loop that cannot keep up."""
    limit = AdaptiveLimit(lag_s=0.25, minimum=32)
    limit.observe(600.0, 200, 1.0)
    for step in range(20):
        limit.observe(0.0, 200, 1.1 + step / 10)
    assert limit.limit == UNBOUNDED
    limit.observe(600.0, 200, 5.0)
    limit.observe(0.5, 200, 5.1)
    assert limit.limit == 160


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 5000)), max_size=200), st.integers(1, 100), st.integers(100, 1000))
def test_the_limit_stays_within_its_bounds(samples: list[tuple[float, int]], minimum: int, hard: int) -> None:
    """Whatever happens."""
    limit = AdaptiveLimit(minimum=minimum, hard=hard)
    for step, (late_s, in_flight) in enumerate(samples):
        limit.observe(late_s, in_flight, step * 0.3)
        assert minimum <= limit.limit <= hard


def test_a_refusal_is_counted_and_says_when_to_come_back() -> None:
    """One to two seconds, not the same for all."""
    shed: list[int] = []
    shedder = Shedder(AdaptiveLimit(hard=1), lambda: 2, Random(1), lambda: shed.append(1))
    ctx = RequestContext(RouteInfo(name="/", family="openai"), "t", 0.0)
    waits = set()
    for _ in range(5):
        with pytest.raises(Overloaded) as refused:
            shedder.check(ctx)
        waits.add(refused.value.retry_after_s)
    assert len(shed) == len(waits) == 5
    assert all(wait is not None and 1 <= wait <= 2 for wait in waits)
    assert ctx.body_unread


async def test_requests_over_the_limit_get_503() -> None:
    """In the client's dialect, with Retry-After; those in flight go on, and probes are answered."""
    release = asyncio.Event()

    async def released(seconds: float) -> None:
        await release.wait()

    reply = msgspec.structs.replace(json_reply(chat()), head_delay_s=1)
    slow = ScriptedTransport(lambda request: reply, sleep=released)
    config = one_provider(server={"shedding": {"max_in_flight": 1}})
    async with in_process(config=config, providers={"mine": provider(slow)}) as edge:
        first = asyncio.create_task(edge.chat("one"))
        await eventually(lambda: bool(slow.requests))
        refused = await edge.chat("two")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        claude = await edge.client.post(
            "/v1/messages", json={"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
        )
        assert claude.json()["error"]["type"] == "overloaded_error"
        assert (await edge.client.get("/health/live")).status_code == 200
        looks = [(await edge.client.get(path)).status_code for path in ("/v1/models", "/v1/usage")]
        assert looks == [503, 503]
        assert edge.gateway.metrics.counters[("llm_edge_shed_requests_total",)] == 4
        release.set()
        assert (await first).status_code == 200
        assert (await edge.chat("three")).status_code == 200


async def test_it_can_be_switched_off_by_a_reload() -> None:
    """And is kept by one that does not touch it."""
    config = one_provider(server={"shedding": {"max_in_flight": 1}})
    async with in_process(json_reply(chat()), config=config) as edge:
        first = edge.gateway._shedding.shedder
        await edge.gateway.reload(one_provider(server={"shedding": {"max_in_flight": 1}}, environment="other"))
        assert edge.gateway._shedding.shedder is first is not None
        await edge.gateway.reload(one_provider(server={"shedding": {"enabled": False}}))
        assert edge.gateway._shedding.shedder is None
