"""What the project promises, and whether this run shows it."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from benchmarks.results import Results
from benchmarks.scenarios import BASIC, GOVERNED, GOVERNED_REDIS, US, WITH_L2

R = TypeVar("R")
"""Results of one kind of bench."""
Value = Callable[[Results], float | None]


class Target(NamedTuple, Generic[R]):
    text: str
    limit: float
    unit: str
    value: Callable[[R], float | None]
    at_least: bool = False


class Verdict(NamedTuple, Generic[R]):
    target: Target[R]
    value: float | None
    """None: not measured in this run."""

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.target.limit if self.target.at_least else self.value <= self.target.limit

    @property
    def word(self) -> str:
        return {True: "met", False: "NOT met", None: "not measured"}[self.met]


def ratio(above: tuple[str, str, str], below: tuple[str, str, str]) -> Value:
    """Of two medians, each (system, scenario, number)."""

    def value(results: Results) -> float | None:
        over, under = results.median(*above), results.median(*below)
        return None if over is None or not under else over / under

    return value


def number(system: str, key: str, name: str, scale: float = 1.0) -> Value:
    def value(results: Results) -> float | None:
        found = results.median(system, key, name)
        return None if found is None else found * scale

    return value


def _ready_s(results: Results) -> float | None:
    found = results.systems.get(US)
    return sorted(found.ready_s)[len(found.ready_s) // 2] if found and found.ready_s else None


def _idle_rss_mb(results: Results) -> float | None:
    found = results.systems.get(US)
    return max(found.idle_rss_mb) if found and found.idle_rss_mb else None


_PASS = "closed/small/32"
_CPU = "cpu_us"

TARGETS = (
    Target("CPU of a pass-through request against nginx", 6.2, "x", ratio((US, _PASS, _CPU), ("nginx", _PASS, _CPU))),
    Target("CPU of a pass-through request against TensorZero", 0.7, "x", ratio((US, _PASS, _CPU), ("tensorzero", _PASS, _CPU))),
    Target("CPU of a pass-through request against LiteLLM", 0.01, "x", ratio((US, _PASS, _CPU), ("litellm", _PASS, _CPU))),
    Target("without usage records, against nginx", 6.2, "x", ratio((BASIC, _PASS, _CPU), ("nginx", _PASS, _CPU))),
    Target("without usage records, against TensorZero", 0.7, "x", ratio((BASIC, _PASS, _CPU), ("tensorzero", _PASS, _CPU))),
    Target("without usage records, against LiteLLM", 0.01, "x", ratio((BASIC, _PASS, _CPU), ("litellm", _PASS, _CPU))),
    Target("CPU of a request with all of governance against nginx", 8.4, "x", ratio((GOVERNED, _PASS, _CPU), ("nginx", _PASS, _CPU))),
    Target("the same with Redis", 12.5, "x", ratio((GOVERNED_REDIS, _PASS, _CPU), ("nginx", _PASS, _CPU))),
    Target(
        "CPU of a request with all of governance against TensorZero", 0.9, "x", ratio((GOVERNED, _PASS, _CPU), ("tensorzero", _PASS, _CPU))
    ),
    Target(
        "CPU of a request with all of governance against LiteLLM", 1 / 80, "x", ratio((GOVERNED, _PASS, _CPU), ("litellm", _PASS, _CPU))
    ),
    Target("CPU of an L1 hit against a pass-through request", 0.75, "x", ratio((US, "hit/l1/32", _CPU), (US, _PASS, _CPU))),
    Target("L1 look-up, p99", 100, "us", number(US, "lookup", "lookup_p99_us")),
    Target("L2 hit, added latency, p95", 2, "ms", number(WITH_L2, "hit/l2/open", "added_p95_us", 1e-3)),
    Target("CPU of a streamed chunk against nginx", 2, "x", ratio((US, "stream", _CPU), ("nginx", "stream", _CPU))),
    Target("CPU of a translated request against a pass-through one", 2, "x", ratio((US, "translated/small/32", _CPU), (US, _PASS, _CPU))),
    Target("CPU of a translated chunk against a pass-through one", 2, "x", ratio((US, "translated/stream", _CPU), (US, "stream", _CPU))),
    Target("time to ready, median", 1, "s", _ready_s),
    Target("resident memory of a worker at rest", 80, "MB", _idle_rss_mb),
    Target("event-loop lag with 1 MB bodies, p99", 50, "ms", number(US, "lag", "lag_p99_ms")),
    Target("requests/s of two workers against one", 1.8, "x", number(US, "workers", "scaling"), at_least=True),
)


def judge(results: Results) -> list[Verdict[Results]]:
    return [Verdict(target, target.value(results)) for target in TARGETS]
