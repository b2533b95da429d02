"""Two workers against one, where two cores are free for them.

With four cores: two for the workers, two for load and upstream. With fewer, each worker gets a fixed share of a core from the kernel
(one worker the same share), small enough that load, upstream and Valkey have what they need: what is compared is still the work done by
twice the CPU, through one listening port and one Redis. Both gateways live throughout; the one not measured is stopped.
"""

import contextlib
import os
from collections.abc import Callable
from typing import NamedTuple

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


class Rate(NamedTuple):
    per_s: float
    cores: float
    """CPU that was used for it, in cores."""


def measure_workers(env: Env, bench: Bench, passes: int, say: Callable[[str], None]) -> list[Numbers]:
    """One entry a pass. Raises Missing, StartError, Failed."""
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        valkey, url = start_valkey(env.work, cores[-1:])
        stack.callback(valkey.stop)
        systems: list[System] = []
        for count in (1, 2):
            system = _start(env, count, url, cores)
            stack.callback(system.stop)
            if len(cores) < 4:
                stack.enter_context(throttled(_workers(system), SHARE))
            _requests_per_s(bench, system, bench.plan.warm_s)
            system.pause()
            systems.append(system)
        return [_pass(bench, systems[0], systems[1], len(cores) < 4, say) for _ in range(passes)]


def _start(env: Env, count: int, redis: str, cores: list[int]) -> System:
    """`cores[:count]` for the workers where there are enough, else all for everybody."""
    own = cores[:count] if len(cores) >= 4 else cores
    return start_gateway(env, f"workers-{count}", cores=own, server={"workers": count}, stores={"redis": redis})


def _pass(bench: Bench, single: System, double: System, shared: bool, say: Callable[[str], None]) -> Numbers:
    """One, two, two, one: what the machine does meanwhile meets both alike."""
    rates: dict[str, list[Rate]] = {single.name: [], double.name: []}
    for system in (single, double, double, single):
        system.resume()
        rates[system.name].append(_requests_per_s(bench, system, bench.plan.seconds / 2))
        system.pause()
    one, two = (_mean(rates[system.name]) for system in (single, double))
    scaling = two.per_s / one.per_s
    say(f"  one {one.per_s:.0f}/s on {one.cores:.2f} cores, two {two.per_s:.0f}/s on {two.cores:.2f} cores: {scaling:.2f} x")
    return {
        "scaling": scaling,
        "one_rps": one.per_s,
        "two_rps": two.per_s,
        "one_cores": one.cores,
        "two_cores": two.cores,
        "throttled": float(shared),
    }


def _mean(rates: list[Rate]) -> Rate:
    return Rate(sum(rate.per_s for rate in rates) / len(rates), sum(rate.cores for rate in rates) / len(rates))


def _workers(system: System) -> list[int]:
    """The processes that answer: the children, or the process itself where it has none."""
    pids = _process(system).pids()
    return pids[1:] or pids


def _process(system: System) -> Managed:
    if system.process is None:
        raise Failed("the gateway has no process")
    return system.process


def _requests_per_s(bench: Bench, system: System, seconds: float) -> Rate:
    before = _process(system).cpu_s()
    job = Job("closed", (system.target(),), requests=1_000_000, max_s=seconds, connections=_CONNECTIONS)
    outcome = bench.load.run(job)[0]
    if outcome.failed or not outcome.requests:
        raise Failed(f"{outcome.failed} requests failed: {outcome.errors}")
    return Rate(outcome.requests / outcome.seconds, (_process(system).cpu_s() - before) / outcome.seconds)
