"""How targets are doing, for people: lines of the log, gauges, and the list that `/health` shows."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from proxy.pipeline.deps import Pipeline
from proxy.providers.base import Provider
from proxy.routing.breaker import STATES, State
from proxy.routing.health import QUOTA, REFUSED, THROTTLED, HealthBook
from proxy.routing.stats import BREAKER_OPEN, COOLING, DRAINED, FOREVER, PROBED, TargetStats

Values = Iterable[tuple[tuple[str, ...], float]]

REASONS = {
    DRAINED: "drained",
    BREAKER_OPEN: "breaker",
    PROBED: "breaker",
    COOLING: "cooldown",
    QUOTA: "quota",
    THROTTLED: "throttled",
    REFUSED: "refused",
}
"""Why a target rests → the word of a label."""

_log = logging.getLogger("llm_edge")


class Counting(Protocol):
    def inc(self, family: str, *labels: str) -> None: ...


class HealthReport:
    """A listener of the book."""

    def __init__(self, metrics: Counting) -> None:
        self._metrics = metrics

    def breaker_changed(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        breaker, source = stats.breaker, "own" if ours else "shared"
        self._metrics.inc("llm_edge_circuit_breaker_transitions_total", provider_of(stats), breaker.state, source)
        if breaker.state == "closed":
            _log.info("breaker closed", extra={"target": stats.id, "source": source})
        else:
            extra = {"target": stats.id, "source": source, "for_s": round(breaker.until - now, 3)}
            _log.warning("breaker opened", extra=extra | ({"failures": breaker.failures} if breaker.failures else {}))

    def barred(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        """Under load many a second: the gauge tells."""

    def away(self, stats: TargetStats, now: float, *, ours: bool) -> None:
        """The same."""

    def key_rests(self, scope: str, account: str, until: float, now: float) -> None:
        """The same."""


def provider_of(stats: TargetStats) -> str:
    return stats.id.partition("/")[0]


class Rest(msgspec.Struct, frozen=True):
    """A target that rests."""

    target: str
    reason: str
    for_s: float | None
    """None: until somebody says otherwise."""


def resting(book: HealthBook, now: float) -> list[Rest]:
    found = []
    for stats in book.all():
        reason = stats.rest(now)
        if reason is not None:
            until = stats.free_at(now) if stats.barred(now) is not None else stats.away_until
            found.append(Rest(stats.id, reason, None if until == FOREVER else round(max(0.0, until - now), 3)))
    return found


def usable(book: HealthBook, providers: Mapping[str, Provider], now: float) -> dict[str, bool]:
    """By provider. False: all keys of its pool rest, or all of its targets that were ever used are barred."""
    tried: dict[str, bool] = {}
    for stats in book.all():
        name = provider_of(stats)
        tried[name] = tried.get(name, False) or stats.barred(now) is None
    return {name: tried.get(name, True) and not p.keys.free_at(now, book.key_rests(name)) for name, p in providers.items()}


def breaker_states(book: HealthBook, providers: Iterable[str], now: float) -> Values:
    """(provider, state). Open or half-open as soon as one of its targets is; closed while none is."""
    seen: dict[str, set[State]] = {name: set() for name in providers}
    for stats in book.all():
        if stats.breaker.state != "closed" and (states := seen.get(provider_of(stats))) is not None:
            states.add("half_open" if now >= stats.breaker.until else stats.breaker.state)
    for name, found in seen.items():
        for state in STATES:
            yield (name, state), float(state in found or (state == "closed" and not found))


class HealthGauges:
    """What is read at a scrape. Of targets: (provider, model, …) of all that were ever used; `known` says which model's name may be a
    label, all others are `other`. `pipeline`: None while no gateway runs."""

    def __init__(self, pipeline: Callable[[], Pipeline | None], known: Callable[[str], bool], now: Callable[[], float]) -> None:
        self._pipeline = pipeline
        self._known = known
        self._now = now

    def providers(self) -> Values:
        pipe = self._pipeline()
        found = usable(pipe.health, pipe.providers, self._now()) if pipe is not None else {}
        return [((name,), float(up)) for name, up in found.items()]

    def breakers(self) -> Values:
        pipe = self._pipeline()
        return breaker_states(pipe.health, pipe.providers, self._now()) if pipe is not None else ()

    def in_flight(self) -> Values:
        sums: dict[tuple[str, ...], float] = {}
        for labels, stats in self._targets():
            sums[labels] = sums.get(labels, 0.0) + stats.in_flight
        return sums.items()

    def resting(self) -> Values:
        now = self._now()
        return {(*labels, REASONS.get(why, "other")): 1.0 for labels, stats in self._targets() if (why := stats.rest(now))}.items()

    def quota_left(self) -> Values:
        least: dict[tuple[str, ...], float] = {}
        for labels, stats in self._targets():
            if stats.quota_left is not None:
                least[labels] = min(stats.quota_left, least.get(labels, 1.0))
        return least.items()

    def keys_in_flight(self) -> Values:
        """(provider, place of the key in the pool), where keys are bounded."""
        pipe = self._pipeline()
        for name, provider in pipe.providers.items() if pipe is not None else ():
            calls = pipe.health.key_calls(name) if pipe is not None else {}
            for member in provider.keys.members if calls else ():
                yield (name, str(member.index)), float(calls.get(member.fingerprint, 0))

    def _targets(self) -> Iterator[tuple[tuple[str, str], TargetStats]]:
        pipe = self._pipeline()
        for stats in pipe.health.all() if pipe is not None else ():
            provider, _, model = stats.id.partition("/")
            yield (provider, model if self._known(model) else "other"), stats
