"""What is measured: one function a kind, each giving the numbers of one pass."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load.jobs import Job, Outcome
from benchmarks.load.worker import LoadWorker
from benchmarks.plan import Plan
from benchmarks.scrape import buckets_since, scrape
from benchmarks.stats import histogram_quantile
from benchmarks.systems.base import System

Numbers = dict[str, float]
_QUIET_S = 0.25
_QUIET_SHARE = 0.05
"""Of a core: less is idle."""
_QUIET_LIMIT_S = 30.0
HIT_BODIES = 64
"""Bodies that take turns when the L2 is measured: the L1 of that gateway holds one."""


class Failed(RuntimeError):
    """A measurement gave no usable number; the message says why."""


@dataclass(frozen=True)
class Bench:
    """What each measurement needs."""

    plan: Plan
    load: LoadWorker
    direct: System


def _usable(outcome: Outcome, allowed: float = 0.001) -> Outcome:
    """Raises Failed when more than a share `allowed` of the requests went wrong."""
    if outcome.failed > allowed * max(outcome.requests, 1) or not outcome.requests:
        worst = max(outcome.errors, key=lambda what: outcome.errors[what], default="no answer")
        raise Failed(f"{outcome.failed} of {outcome.requests + outcome.failed} requests failed: {worst}")
    return outcome


def _cpu(system: System) -> float:
    return 0.0 if system.process is None else system.process.cpu_s()


def until_quiet(system: System) -> None:
    """Wait until what earlier requests left behind (closing connections, streams that were given up) is done: it is not counted."""
    deadline = time.monotonic() + _QUIET_LIMIT_S
    busy = math.inf
    while busy > _QUIET_SHARE * _QUIET_S and time.monotonic() < deadline:
        before = _cpu(system)
        time.sleep(_QUIET_S)
        busy = _cpu(system) - before


def closed(bench: Bench, system: System, size: str, connections: int, *, distinct: int = 0, model: str | None = None) -> Numbers:
    """CPU a request, requests a second and latencies, with `connections` kept busy."""
    target = system.target(size, distinct=distinct, model=model)
    job = Job("closed", (target,), requests=1_000_000, max_s=bench.plan.warm_s, connections=connections)
    warm = bench.load.run(job)[0]
    _usable(warm, 0.01)
    again = system.target(size, distinct=distinct, model=model, fresh=target.first_number if distinct else None)
    until_quiet(system)
    before = _cpu(system)
    job = Job("closed", (again,), requests=1_000_000, max_s=bench.plan.seconds, connections=connections)
    outcome = _usable(bench.load.run(job)[0])
    spent = _cpu(system) - before
    return {
        "cpu_us": spent / outcome.requests * 1e6,
        "rps": outcome.requests / outcome.seconds,
        "core": spent / outcome.seconds,
        **outcome.latency,
        "requests": outcome.requests,
        "failed": outcome.failed,
    }


def open_loop(bench: Bench, system: System, rate: float, *, distinct: int = 0) -> Numbers:
    """Added latency at a fixed rate: requests go to the system and to the bare upstream in turn."""
    mine = system.target(distinct=distinct)
    if distinct:
        bench.load.run(Job("closed", (mine,), requests=2 * distinct, max_s=5))
    count = max(round(rate * bench.plan.seconds), 20) * 2
    job = Job(
        "open", (bench.direct.target(), mine), requests=count, rate=2 * rate, max_s=bench.plan.seconds * 2 + 5, connections=256, seed=count
    )
    direct, through = (_usable(outcome) for outcome in bench.load.run(job))
    numbers = {f"added_{name}": through.latency[name] - direct.latency[name] for name in ("p50_us", "p95_us", "p99_us")}
    return {**numbers, **through.latency, "direct_p50_us": direct.latency["p50_us"], "direct_p95_us": direct.latency["p95_us"]}


def stream(bench: Bench, system: System, *, model: str | None = None) -> Numbers:
    """CPU a chunk with many streams at once, time to the first token, and how long chunks are under way."""
    plan = bench.plan
    short = Job("stream", (system.stream_target(10, model),), requests=min(plan.streams, 20), max_s=20, ramp_s=0.2)
    _usable(bench.load.run(short)[0], 0.1)
    until_quiet(system)
    before = _cpu(system)
    length_s = plan.chunks * plan.interval_s + plan.ramp_s
    job = Job("stream", (system.stream_target(plan.chunks, model),), requests=plan.streams, max_s=3 * length_s + 5, ramp_s=plan.ramp_s)
    outcome = bench.load.run(job)[0]
    spent = _cpu(system) - before
    if not outcome.chunks or outcome.failed > 0.02 * plan.streams:
        worst = max(outcome.errors, key=lambda what: outcome.errors[what], default="no chunk")
        raise Failed(f"{outcome.failed} of {plan.streams} streams failed: {worst}")
    return {
        "cpu_us": spent / outcome.chunks * 1e6,
        "chunks_per_s": outcome.chunks / outcome.seconds,
        "behind": outcome.seconds / length_s - 1,
        "whole": outcome.requests / plan.streams,
        **{f"first_token_{name}": value for name, value in outcome.latency.items()},
        **{f"chunk_{name}": value for name, value in outcome.chunk_latency.items()},
    }


def lag(bench: Bench, system: System) -> Numbers:
    """p99 of the gateway's own event-loop lag (upper bound of its bucket) under bodies of 1 MB at 4 connections."""
    family = "llm_edge_event_loop_lag_seconds"
    port = system.answers.port
    before = scrape(port)
    job = Job("closed", (system.target("1m"),), requests=1_000_000, max_s=max(bench.plan.seconds, 3.0), connections=4)
    outcome = _usable(bench.load.run(job)[0])
    return {
        "lag_p99_ms": _quantile_since(before, port, family, {}) * 1e3,
        "rps": outcome.requests / outcome.seconds,
        "p50_us": outcome.latency["p50_us"],
    }


def lookup(bench: Bench, system: System) -> Numbers:
    """p99 of the gateway's own L1 look-up time (upper bound of its bucket) at 32 connections, all hits."""
    family = "llm_edge_cache_latency_seconds"
    port = system.answers.port
    target = system.target(distinct=1)
    bench.load.run(Job("closed", (target,), requests=2, max_s=5))
    before = scrape(port)
    _usable(bench.load.run(Job("closed", (target,), requests=1_000_000, max_s=bench.plan.seconds, connections=32))[0])
    return {"lookup_p99_us": _quantile_since(before, port, family, {"tier": "l1"}) * 1e6}


def _quantile_since(before: str, port: int, family: str, labels: dict[str, str]) -> float:
    buckets = buckets_since(before, scrape(port), family, labels)
    value = histogram_quantile(buckets, 0.99)
    if math.isnan(value):
        raise Failed(f"{family} counted nothing")
    return value


@dataclass(frozen=True)
class Scenario:
    """`key` names it in the results; `systems`: empty for all."""

    key: str
    title: str
    measure: Callable[[Bench, System], Numbers]
    systems: tuple[str, ...] = ()
    baseline: bool = True
    """Whether the bare upstream is measured, too."""

    def applies(self, system: System) -> bool:
        if self.key == "stream" and system.streams is None:
            return False
        if system.process is None:
            return self.baseline and not self.systems
        return not self.systems or system.name in self.systems
