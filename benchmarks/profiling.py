"""`python -m benchmarks --profile`: where the gateway's Python time goes, under the same load as the measurement."""

import os
import pstats
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from benchmarks.load.jobs import Job
from benchmarks.load.worker import LoadWorker
from benchmarks.machine import plan_cores
from benchmarks.systems.base import Env, System
from benchmarks.systems.gateway import start_gateway
from benchmarks.upstream.servers import start_upstreams

_SECONDS = 6.0
_ROWS = 40


def profile(work: Path, say: Callable[[str], None]) -> int:
    """Runs the gateway under cProfile three times (pass-through, L1 hits, streams) and prints the costliest functions of each.

    cProfile makes Python calls dearer than what happens inside C: the order is right, the shares are not exact.
    """
    cores = plan_cores(os.sched_getaffinity(0))
    upstreams = start_upstreams(work, cores.load)
    env = Env(work, cores, upstreams, None)
    try:
        with LoadWorker(cores.load) as load:
            for name, job_of in (("pass-through", _pass_through), ("L1 hits", _hits), ("streams", _streams)):
                say(f"\n{name}\n")
                say(_one(env, load, name.replace(" ", "-"), job_of))
    finally:
        upstreams.stop()
    return 0


def _pass_through(system: System) -> Job:
    return Job("closed", (system.target(),), requests=1_000_000, max_s=_SECONDS, connections=32)


def _hits(system: System) -> Job:
    return Job("closed", (system.target(distinct=1),), requests=1_000_000, max_s=_SECONDS, connections=32)


def _streams(system: System) -> Job:
    return Job("stream", (system.stream_target(100),), requests=100, max_s=30, ramp_s=1)


def _one(env: Env, load: LoadWorker, name: str, job_of: Callable[[System], Job]) -> str:
    """The profile is written when the gateway has drained: `stop` sends SIGTERM."""
    output = env.work / f"{name}.pstats"
    system = start_gateway(env, f"profile-{name}", launcher=["-m", "cProfile", "-o", str(output)])
    try:
        outcome = load.run(job_of(system))[0]
    finally:
        system.stop()
    text = StringIO()
    stats = pstats.Stats(str(output), stream=text)
    stats.sort_stats("tottime").print_stats(_ROWS)
    shown = re.sub(r"/\S*?/(proxy|site-packages|lib/python[\d.]+)/", r"\1/", text.getvalue())
    return f"{outcome.requests} requests, {outcome.chunks} chunks, {outcome.failed} failed\n{shown}"
