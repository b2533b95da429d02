"""Liveness, readiness and E's rich `/health`."""

from datetime import datetime
from typing import Any

import httpx2
import pytest

from proxy.core.version import __version__
from tests.support.gateway import settings
from tests.support.library import EDGE, InProcess, in_process, one_provider
from tests.support.valkey import free_port


def dead_redis() -> str:
    """A URL that nobody listens on."""
    return f"redis://127.0.0.1:{free_port()}"


async def get(edge: InProcess, path: str) -> tuple[int, Any]:
    """Without a key."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge.gateway), base_url=EDGE) as stranger:
        answer = await stranger.get(path)
        return answer.status_code, answer.json()


async def test_health_tells_state_cache_and_providers() -> None:
    """E's shape."""
    async with in_process() as edge:
        status, body = await get(edge, "/health")
        assert status == 200
        assert datetime.fromisoformat(body.pop("timestamp")).tzinfo is not None
        assert body.pop("uptime_seconds") >= 0
        assert datetime.fromisoformat(body.pop("config_loaded_at")).tzinfo is not None
        assert body == {
            "status": "healthy",
            "drift": {"version": 0, "weights": [], "drained": [], "stale": []},
            "version": __version__,
            "state": "ready",
            "cache": {"l1_healthy": True, "l2_healthy": False, "l2_configured": False, "l1_entries": 0},
            "providers": {"mine": {"healthy": True, "kind": "openai"}},
            "resting": [],
            "config_version": edge.gateway.settings.digest(),
        }


async def test_what_rests_is_listed() -> None:
    """With its reason and for how long; without a provider that may be used the gateway is degraded."""
    async with in_process() as edge:
        pipe = edge.gateway.state.pipeline
        now = pipe.clock.monotonic()
        pipe.health.heard_open(pipe.health.stats("mine/m"), now + 30.0, now)
        _, body = await get(edge, "/health")
        (rest,) = body["resting"]
        assert 29 < rest.pop("for_s") <= 30
        assert rest == {"target": "mine/m", "reason": "breaker open"}
        assert (body["status"], body["providers"]["mine"]["healthy"]) == ("degraded", False)


async def test_a_configured_l2_that_is_down_degrades() -> None:
    """It is said to be configured; A's readiness names it and stays ready: the gateway serves without it."""
    config = one_provider(stores={"redis": dead_redis()})
    async with in_process(config=config) as edge:
        _, body = await get(edge, "/health")
        assert (body["status"], body["cache"]["l2_configured"], body["cache"]["l2_healthy"]) == ("degraded", True, False)
        assert await get(edge, "/readyz") == (200, {"status": "ready", "redis": "down"})


@pytest.mark.parametrize("path", ["/health/live", "/live"])
async def test_alive_is_alive(path: str) -> None:
    """Also while draining: a restart would not help."""
    async with in_process() as edge:
        edge.gateway.lifecycle.begin_drain()
        status, body = await get(edge, path)
        assert (status, body["alive"], set(body)) == (200, True, {"alive", "timestamp"})


@pytest.mark.parametrize("path", ["/health/ready", "/ready"])
async def test_readiness_ends_with_the_drain(path: str) -> None:
    """503, so that load balancers look elsewhere."""
    async with in_process() as edge:
        status, body = await get(edge, path)
        assert (status, body["ready"], set(body)) == (200, True, {"ready", "timestamp"})
        edge.gateway.lifecycle.begin_drain()
        status, body = await get(edge, path)
        assert (status, body["ready"]) == (503, False)


async def test_as_probes() -> None:
    """agenthub's shapes, and why it is not ready."""
    async with in_process() as edge:
        assert await get(edge, "/healthz") == (200, {"status": "healthy"})
        assert await get(edge, "/readyz") == (200, {"status": "ready", "redis": "not configured"})
        edge.gateway.lifecycle.begin_drain()
        assert await get(edge, "/readyz") == (503, {"status": "not ready", "error": "draining"})
        assert (await get(edge, "/health"))[1]["status"] == "degraded"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/healthz", "/readyz"])
async def test_health_may_need_a_key(path: str) -> None:
    """`auth.health_check`."""
    async with in_process(config=one_provider(auth={"health_check": True})) as edge:
        assert (await get(edge, path))[0] == 401
        assert (await edge.client.get(path)).status_code == 200


async def test_stored_answers_are_counted() -> None:
    """L1's entries."""
    async with in_process(config=settings(), providers={}) as edge:
        await edge.chat()
        assert (await get(edge, "/health"))[1]["cache"]["l1_entries"] == 1
