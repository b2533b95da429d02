"""Contract C: the retry budget bounds what an outage costs, on the wire."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.access_log import Books
from tests.support.gateway import running, settings
from tests.support.upstream import Upstream, failing


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as up:
        yield up


def config(url: str, **budget: float) -> dict[str, Any]:
    provider = {"kind": "openai", "base_url": f"{url}/v1", "api_keys": ["sk-x-1234567890"]}
    return {
        "providers": {"a": provider, "b": provider},
        "routing": {
            "strategy": "failover",
            "retries": {"attempts": 3, "backoff_base_s": 0.001, "backoff_max_s": 0.002},
            "retry_budget": {"window_s": 60, **budget},
            "breaker": {"enabled": False},
        },
        "models": {
            "m": {"targets": [{"provider": "a", "model": "x"}, {"provider": "b", "model": "x"}]},
            "other": {"targets": [{"provider": "a", "model": "x"}]},
        },
    }


async def test_with_all_targets_down_retries_are_a_share(upstream: Upstream) -> None:
    """200 requests with three attempts each make 200 calls and a fifth of it, not 600."""
    upstream.on(failing(503))
    books = Books()
    async with running(settings(**config(upstream.url, share=0.2, floor_per_s=0)), access_log=books.log) as edge:
        for start in range(0, 200, 20):
            answers = await asyncio.gather(*(edge.chat(str(n), model="m") for n in range(start, start + 20)))
            assert {answer.status_code for answer in answers} == {503}
        assert 200 + 35 <= len(upstream.calls) <= 200 + 40
        lines = await books.lines(edge)
        text = (await edge.client.get("/metrics")).text
    stopped = [line["stopped"] for line in lines].count("retry_budget")
    assert stopped >= 160
    assert f'llm_edge_retry_budget_exhausted_total{{model="m"}} {stopped}.0' in text


async def test_the_failure_is_the_clients_at_once(upstream: Upstream) -> None:
    """The provider's own answer, without a pause."""
    upstream.on(failing(500, "boom"))
    async with running(settings(**config(upstream.url, share=0, floor_per_s=0))) as edge:
        answer = await edge.chat(model="m")
        assert (answer.status_code, answer.json()["error"]["message"], answer.headers["x-llm-edge-attempts"]) == (500, "boom", "1")
    assert len(upstream.calls) == 1


async def test_each_entry_has_its_own(upstream: Upstream) -> None:
    """One that is down takes no other's retries."""
    upstream.on(failing(500))
    async with running(settings(**config(upstream.url, share=0, floor_per_s=2 / 60))) as edge:
        assert [(await edge.chat(str(n), model="m")).headers["x-llm-edge-attempts"] for n in range(3)] == ["3", "1", "1"]
        assert (await edge.chat(model="other")).headers["x-llm-edge-attempts"] == "3"


async def test_it_outlives_a_reload(upstream: Upstream) -> None:
    """Of anything but its own rules."""
    upstream.on(failing(500))
    sections = config(upstream.url, share=0, floor_per_s=2 / 60)
    async with running(settings(**sections)) as edge:
        assert (await edge.chat("a", model="m")).headers["x-llm-edge-attempts"] == "3"
        sections["models"]["more"] = {"targets": [{"provider": "a", "model": "y"}]}
        await edge.gateway.reload(settings(**sections))
        assert (await edge.chat("b", model="m")).headers["x-llm-edge-attempts"] == "1"
        sections["routing"]["retry_budget"]["floor_per_s"] = 1
        await edge.gateway.reload(settings(**sections))
        assert (await edge.chat("c", model="m")).headers["x-llm-edge-attempts"] == "3"


@pytest.mark.parametrize(("status", "attempts"), [(401, "2"), (404, "2"), (402, "2"), (503, "1")])
async def test_falling_over_for_good_reason_costs_nothing(upstream: Upstream, status: int, attempts: str) -> None:
    """A refused key at the first target would else be an outage of the model."""
    upstream.on(failing(status))
    async with running(settings(**config(upstream.url, share=0, floor_per_s=0))) as edge:
        assert (await edge.chat(model="m")).headers["x-llm-edge-attempts"] == attempts
