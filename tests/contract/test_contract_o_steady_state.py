"""Contract O: whatever requests meet, they leave nothing behind, memory stays level, and label sets stay bounded.

A few thousand requests here; `python -m benchmarks soak` makes the hundred thousand of the contract.
"""

import asyncio
import gc
import json
import os
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from proxy.app import Gateway, build_app
from proxy.telemetry.model_labels import LEARNT_MAX
from tests.support.edge_process import EdgeProcess
from tests.support.eventually import eventually
from tests.support.gateway import KEY, Running, chat_body, running, settings
from tests.support.mix import MODELS, STATUSES, Mix, run, scripted
from tests.support.upstream import Upstream

ENDLESS = {"keys-last-used", "load-watch", "overlays", "responses-purge", "usage-purge"}
"""Tasks that a gateway on static keys and records in memory has for as long as it runs."""
ONE_TRY = {"routing": {"retries": {"attempts": 1}, "breaker": {"enabled": False}}, "cache": {"l1": {"max_entries": 200}}}


def held(edge: Running) -> dict[str, Any]:
    """What requests may leave behind, in numbers that are zero or constant when they leave nothing."""
    state = edge.gateway.state
    stats = state.pipeline.providers["openai"].transport.stats()
    return {
        "tasks": set(state.tasks.names()) - ENDLESS,
        "requests": state.in_flight.requests,
        "active": edge.gateway.metrics.active,
        "flights": len(state.pipeline.flights),
        "in use": stats.in_use,
        "files": len(os.listdir("/proc/self/fd")) - 2 * stats.open,
        "pending": len(asyncio.all_tasks()) - stats.open,
    }


async def test_nothing_is_left_behind() -> None:
    """Tasks, sockets, flights and claims are what they were before, after errors, disconnects, time-outs, hits, streams and joins."""
    async with Upstream() as upstream:
        upstream.on(scripted)
        async with running(settings(upstream.url, models=MODELS, **ONE_TRY)) as edge:
            mix = Mix(int(edge.url.rpartition(":")[2]))
            await run(mix, upstream, 200, seed=1)
            await eventually(lambda: not any(list(held(edge).values())[:5]))
            gc.collect()  # what earlier tests of this process left is not to go meanwhile
            before = held(edge)
            await run(mix, upstream, 3000, seed=2)
            with suppress(TimeoutError):
                await eventually(lambda: held(edge) == before)
            assert held(edge) == before
            assert mix.statuses() == STATUSES


async def test_memory_stays_level(tmp_path: Path) -> None:
    """Of `llm-edge serve`: what 2400 requests add after the first 600, which fill caches and pools. A leak of 10 KB a request would
    be 24 MB; the contract's own figure, 5 MB over 80 000, is the soak's."""
    async with Upstream() as upstream:
        upstream.on(scripted)
        provider = {"kind": "openai", "base_url": f"{upstream.url}/v1", "api_keys": ["sk-provider"]}
        with EdgeProcess(tmp_path / "config.yaml", providers={"openai": provider}, models=MODELS, **ONE_TRY) as served:
            mix = Mix(await asyncio.to_thread(lambda: served.port))
            await run(mix, upstream, 600, seed=1)
            files = open_files(served.process.pid)
            sizes: list[float] = []
            for seed in range(2, 14):
                await run(mix, upstream, 200, seed=seed)
                sizes.append(resident_mb(served.process.pid))
            assert median(sizes[-3:]) - median(sizes[:3]) < 12, sizes
            assert mix.statuses() == STATUSES
            await eventually(lambda: open_files(served.process.pid) <= files + 16)


def resident_mb(pid: int) -> float:
    """Resident set size."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


async def ask(gateway: Gateway, path: str, body: dict[str, Any]) -> int:
    """The status of a request made in process."""
    raw = json.dumps(body).encode()
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"x-api-key", KEY.encode()), (b"content-length", b"%d" % len(raw))]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    await gateway(scope, receive, send)
    return statuses[0]


def label_values(gateway: Gateway) -> tuple[set[str], int]:
    """(values of all model labels, number of series)."""
    samples = gateway.metrics.snapshot()
    models = {s.labels[1] for s in samples if s.family == "llm_edge_provider_latency_seconds"}
    return models | {s.labels[2] for s in samples if s.family == "llm_edge_requests_total"}, len(samples)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("models", "status", "most"),
    [
        ({}, 200, LEARNT_MAX),
        ({"echo-*": {"targets": [{"provider": "echo"}]}}, 404, 0),
        ({"m*": {"targets": [{"provider": "echo"}]}}, 200, LEARNT_MAX),
    ],
    ids=["no table", "not in the table", "by a pattern"],
)
async def test_invented_model_names_do_not_become_series(models: dict[str, Any], status: int, most: int) -> None:
    """10 000 of them: those that clients may invent are kept up to a bound, the rest are `other`; the listed name has its own."""
    gateway = build_app(settings(models=models, cache={"enabled": False}))
    async with gateway.lifespan():
        for n in range(10_000):
            assert await ask(gateway, "/v1/chat/completions", chat_body(model=f"m{n}")) == status
        assert await ask(gateway, "/v1/chat/completions", chat_body(model="echo")) in (200, 404)
        values, series = label_values(gateway)
        assert len(values - {"other", "none", "echo"}) <= most
        assert {"other", "echo"} <= values
        assert series < 200 + 15 * (most + 10)


async def test_invented_paths_do_not_become_series() -> None:
    """1000 of them are at most one route."""
    gateway = build_app(settings())
    async with gateway.lifespan():
        for n in range(1000):
            assert await ask(gateway, f"/path/{n}", {}) == 404
        routes = {s.labels[0] for s in gateway.metrics.snapshot() if s.family == "llm_edge_requests_total"}
        assert len(routes) <= 1
