"""What the project promises of failure, and whether this run shows it."""

from collections.abc import Callable, Iterable

from benchmarks.faults.results import FaultResults, RowResult
from benchmarks.targets import Target, Verdict

_US = "llm-edge"
_OUTAGES = ("down", "flapping", "refusing", "resets", "stalls")


def _measured(results: FaultResults, keep: Callable[[RowResult], bool]) -> list[RowResult]:
    return [row for row in results.rows if row.system == _US and not row.note and keep(row)]


def _over(rows: Iterable[RowResult], name: str, pick: Callable[[list[float]], float]) -> float | None:
    values = [row.numbers[name] for row in rows if name in row.numbers]
    return pick(values) if values else None


def _outage(row: RowResult) -> bool:
    """One of three targets is gone, and the breaker is on."""
    return row.scenario in _OUTAGES and row.variant != "no-breaker"


def _success(attempts: int) -> Callable[[FaultResults], float | None]:
    def value(results: FaultResults) -> float | None:
        found = _over(_measured(results, lambda row: _outage(row) and row.attempts == attempts), "success", min)
        return None if found is None else found * 100

    return value


def _wasted(results: FaultResults) -> float | None:
    """On the wire, or told by the gateway, whichever is more: refused connections reach no wire log."""
    rows = _measured(results, _outage)
    shares = [share for name in ("wasted_share", "told_wasted_share") if (share := _over(rows, name, max)) is not None]
    return max(shares) * 100 if shares else None


def _tail_ratio(results: FaultResults) -> float | None:
    """p99 of the time to first token with hedging over that without, the worst strategy."""
    ratios = []
    for row in _measured(results, lambda row: row.scenario == "tail" and row.hedges):
        plain = results.number(f"tail/{row.variant.removesuffix('-hedged')}", "first_p99_ms")
        hedged = row.number("first_p99_ms")
        if plain and hedged is not None:
            ratios.append(hedged / plain)
    return max(ratios, default=None)


def _tail_extra(results: FaultResults) -> float | None:
    found = _over(_measured(results, lambda row: row.scenario.startswith("tail") and row.hedges), "wasted_share", max)
    return None if found is None else found * 100


def _most(name: str, keep: Callable[[RowResult], bool] = lambda row: True) -> Callable[[FaultResults], float | None]:
    return lambda results: _over(_measured(results, keep), name, max)


def _share(above: str, below: str, name: str) -> Callable[[FaultResults], float | None]:
    """Of two rows."""

    def value(results: FaultResults) -> float | None:
        over, under = results.number(above, name), results.number(below, name)
        return None if over is None or not under else over / under

    return value


def _number(key: str, name: str, scale: float = 1.0) -> Callable[[FaultResults], float | None]:
    def value(results: FaultResults) -> float | None:
        found = results.number(key, name)
        return None if found is None else found * scale

    return value


def _budget_bound(results: FaultResults) -> float | None:
    """Calls over what a budget of 20 % and one a second allows. The floor of the window before the first request counts, too."""
    row = results.row("all-down/budget")
    if row is None:
        return None
    span_s = row.load["requests"] / row.load["rate"]
    allowed: float = row.numbers["requests"] * 1.2 + span_s + 10
    return row.numbers["calls"] / allowed


def _shadow_added(results: FaultResults) -> float | None:
    with_it, without = results.number("shadow/shadow", "p50_ms"), results.number("shadow/no-shadow", "p50_ms")
    return None if with_it is None or without is None else with_it - without


def _shadowed(results: FaultResults) -> float | None:
    row = results.row("shadow/shadow")
    return None if row is None else row.numbers["shadow_calls"] / row.numbers["requests"] * 100


def _early_share(results: FaultResults, key: str) -> float | None:
    """Of the calls in the quarter of the time after the recovery, the share at the recovering member."""
    row = results.row(key)
    if row is None:
        return None
    span_s = row.load["requests"] / row.load["rate"]
    shares = [share for at, share in row.share_by_time if 0.25 * span_s < at < 0.5 * span_s]
    return sum(shares) / len(shares) if shares else None


def _slow_start(results: FaultResults) -> float | None:
    slow, at_once = _early_share(results, "recovery/slow-start"), _early_share(results, "recovery/at-once")
    return None if slow is None or not at_once else slow / at_once


TARGETS: tuple[Target[FaultResults], ...] = (
    Target("success with one of three down or flapping, worst strategy", 99.9, "%", _success(3), at_least=True),
    Target("the same with attempts: 2", 99.9, "%", _success(2), at_least=True),
    Target("wasted calls with one of three down or flapping, worst strategy", 5, "% of requests", _wasted),
    Target("p99 to the first token with hedging against without, heavy tail, worst strategy", 0.6, "x", _tail_ratio),
    Target("extra calls with hedging, worst strategy", 5, "% of requests", _tail_extra),
    Target("calls after the first byte, all rows", 0, "calls", _most("after_first_byte", lambda row: row.variant != "continued")),
    Target(
        "requests with other than the configured tries, all targets down", 0, "requests", _most("off", lambda row: row.scenario == "exact")
    ),
    Target("requests with more than the configured tries, all rows", 0, "requests", _most("over")),
    Target("answers billed twice, rows without hedges", 0, "answers", _most("duplicates", lambda row: not row.hedges)),
    Target("answers that do not tell the truth, all rows", 0, "answers", _most("untruthful")),
    Target("calls with all down against what the retry budget allows", 1, "x", _budget_bound),
    Target("calls at a dead target with the breaker on against off", 0.05, "x", _share("down/failover", "down/no-breaker", "at_faulty")),
    Target("calls at a target that has just recovered, slow start on against off", 0.75, "x", _slow_start),
    Target("success with a target that hangs and per_try_s", 99.9, "%", _number("hangs/per-try", "success", 100), at_least=True),
    Target("429 with quota awareness against without", 0.25, "x", _share("quota/reserve", "quota/no-reserve", "throttled")),
    Target("429 with a bulkhead in front of a target of six places", 0, "calls", _number("bulkhead/bulkhead", "throttled")),
    Target("success with the bulkhead's queue", 99.9, "%", _number("bulkhead/bulkhead", "success", 100), at_least=True),
    Target("refusal of a request that is one too many, p99", 50, "ms", _number("shedding/at-most", "refused_p99_ms")),
    Target(
        "p99 of what a starved gateway serves, shedding on against off",
        0.5,
        "x",
        _share("shedding/starved", "shedding/starved-off", "p99_ms"),
    ),
    Target("requests that were copied to the shadow", 99, "%", _shadowed, at_least=True),
    Target("added by the shadow, p50", 2, "ms", _shadow_added),
    Target("success with context-window fallback", 99.9, "%", _number("context/fallback", "success", 100), at_least=True),
    Target("success with content-policy fallback", 99.9, "%", _number("policy/fallback", "success", 100), at_least=True),
    Target("success with streams that are continued", 99.9, "%", _number("cut/continued", "success", 100), at_least=True),
)


def judge(results: FaultResults) -> list[Verdict[FaultResults]]:
    return [Verdict(target, target.value(results)) for target in TARGETS]
