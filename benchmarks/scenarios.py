"""The list of what is measured, in order."""

from functools import partial

from benchmarks import measures
from benchmarks.measures import Bench, Numbers, Scenario
from benchmarks.payloads import TRANSLATED_MODEL, TRANSLATED_STREAM_MODEL
from benchmarks.plan import Plan
from benchmarks.systems.base import System

US = "llm-edge"
BASIC = "llm-edge-basic"
"""Without usage records: authentication, cache look-up, metrics and access log."""
WITH_L2 = "llm-edge-l2"
"""The same with a Valkey and an L1 of one entry, so that hits come from the L2."""

GOVERNED = "llm-edge-governed"
"""With five windows, a budget and usage records; counters in the process."""
GOVERNED_REDIS = "llm-edge-governed-redis"
"""The same with the counters in a Valkey."""


def _closed(size: str, connections: int, distinct: int, bench: Bench, system: System) -> Numbers:
    return measures.closed(bench, system, size, connections, distinct=distinct)


def _open(rate: float, distinct: int, bench: Bench, system: System) -> Numbers:
    return measures.open_loop(bench, system, rate, distinct=distinct)


def scenarios(plan: Plan) -> list[Scenario]:
    """Closed loops first: what is too slow for an open loop's rate is known then."""
    listed = [
        Scenario("closed/small/1", "pass-through, small prompt, 1 connection", partial(_closed, "small", 1, 0)),
        Scenario("closed/small/32", "pass-through, small prompt, 32 connections", partial(_closed, "small", 32, 0)),
    ]
    listed += [
        Scenario(f"closed/{size}/32", f"pass-through, {size} prompt, 32 connections", partial(_closed, size, 32, 0)) for size in plan.sizes
    ]
    listed += [Scenario(f"open/{rate}", f"open loop, {rate} requests/s", partial(_open, rate, 0), baseline=False) for rate in plan.rates]
    listed.append(Scenario("stream", f"{plan.streams} streams, a chunk every {plan.interval_s * 1000:.0f} ms each", measures.stream))
    listed += [
        Scenario(
            "translated/small/32",
            "OpenAI client at an Anthropic upstream, small prompt, 32 connections",
            partial(measures.closed, size="small", connections=32, model=TRANSLATED_MODEL),
            (US,),
        ),
        Scenario(
            "translated/stream",
            f"{plan.streams} streams from an Anthropic upstream to OpenAI clients",
            partial(measures.stream, model=TRANSLATED_STREAM_MODEL),
            (US,),
        ),
    ]
    l2 = measures.HIT_BODIES
    listed += [
        Scenario("hit/l1/1", "L1 hit, 1 connection", partial(_closed, "small", 1, 1), (US,)),
        Scenario("hit/l1/32", "L1 hit, 32 connections", partial(_closed, "small", 32, 1), (US,)),
        Scenario("hit/l1/open", "L1 hit, open loop, 500 requests/s", partial(_open, 500, 1), (US,)),
        Scenario("hit/l2/32", "L2 hit, 32 connections", partial(_closed, "small", 32, l2), (WITH_L2,)),
        Scenario("hit/l2/open", "L2 hit, open loop, 500 requests/s", partial(_open, 500, l2), (WITH_L2,)),
        Scenario("lookup", "the gateway's own L1 look-up time", measures.lookup, (US,)),
        Scenario("lag", "event-loop lag with 1 MB bodies", measures.lag, (US,)),
    ]
    return listed


def wanted(key: str, only: list[str]) -> bool:
    """`only`: beginnings of keys; empty: all."""
    return not only or any(key == prefix or key.startswith(prefix.rstrip("/") + "/") for prefix in only)
