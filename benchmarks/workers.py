"""Two workers against one, where two cores are free for them.

With four cores: two for the workers, two for load and upstream. With fewer, each worker gets a fixed share of a core from the kernel
(one worker the same share), small enough that load, upstream and Valkey have what they need: what is compared is still the work done by
twice the CPU, through one listening port and one Redis.
"""

import os
from collections.abc import Callable

from benchmarks.load.jobs import Job
from benchmarks.measures import Bench, Failed, Numbers
from benchmarks.processes import Managed
from benchmarks.systems.base import Env, System
from benchmarks.systems.gateway import start_gateway
from benchmarks.systems.valkey import start_valkey
from benchmarks.throttle import throttled

SHARE = 0.2
"""Of a core, for each worker, where the cores are too few."""
_CONNECTIONS = 64


def measure_workers(env: Env, bench: Bench, passes: int, say: Callable[[str], None]) -> list[Numbers]:
    """One entry a pass. Raises Missing, StartError, Failed."""
    cores = sorted(os.sched_getaffinity(0))
    valkey, url = start_valkey(env.work, cores[-1:])
    try:
        found = []
        for number in range(passes):
            rates = [_rate(env, bench, f"workers-{number}-{count}", count, url, cores) for count in (1, 2)]
            found.append({"scaling": rates[1] / rates[0], "one_rps": rates[0], "two_rps": rates[1], "throttled": float(len(cores) < 4)})
            say(f"  one {rates[0]:.0f}/s, two {rates[1]:.0f}/s: {found[-1]['scaling']:.2f} x")
        return found
    finally:
        valkey.stop()


def _rate(env: Env, bench: Bench, name: str, count: int, redis: str, cores: list[int]) -> float:
    free = len(cores) >= 4
    system = start_gateway(env, name, cores=cores[:count] if free else cores, server={"workers": count}, stores={"redis": redis})
    try:
        if free:
            return _requests_per_s(bench, system)
        with throttled(_workers(system), SHARE):
            return _requests_per_s(bench, system)
    finally:
        system.stop()


def _workers(system: System) -> list[int]:
    """The processes that answer: the children, or the process itself where it has none."""
    process = system.process
    if not isinstance(process, Managed):
        raise Failed("the gateway has no process")
    pids = process.pids()
    return pids[1:] or pids


def _requests_per_s(bench: Bench, system: System) -> float:
    def run(seconds: float) -> float:
        job = Job("closed", (system.target(),), requests=1_000_000, max_s=seconds, connections=_CONNECTIONS)
        outcome = bench.load.run(job)[0]
        if outcome.failed or not outcome.requests:
            raise Failed(f"{outcome.failed} requests failed: {outcome.errors}")
        return outcome.requests / outcome.seconds

    run(bench.plan.warm_s)
    return run(bench.plan.seconds)
