"""Strategies of other packages: entry points in the group `llm_edge.strategies`, loaded where the configuration names one.

The entry point is what a row of the table is, less the wishes: `make(entry, rules) -> Strategy`, for which a class serves whose
constructor takes the two.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from proxy.routing.strategies import EVERYTHING, Kind
from proxy.routing.strategy import Strategy
from proxy.settings import Settings
from proxy.settings.errors import Path

GROUP = "llm_edge.strategies"


class OwnStrategyUnusable(ValueError):
    """Nobody has installed it, or it cannot be loaded; the message names it."""


def installed() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def named(settings: Settings) -> dict[Path, str]:
    """Where the configuration names a strategy, and which."""
    found: dict[Path, str] = {("routing", "strategy"): settings.routing.strategy}
    return found | {("models", name, "strategy"): model.strategy for name, model in settings.models.items() if model.strategy is not None}


def own(strategy: Strategy) -> Kind:
    """One object for every entry; nobody knows what it looks at."""
    return Kind(lambda _entry, _rules: strategy, lambda _rules: EVERYTHING)


def load(name: str, points: Mapping[str, EntryPoint] | None = None) -> Kind:
    """`name`: without the prefix; `points`: None: those that are installed. Raises OwnStrategyUnusable."""
    points = installed() if points is None else points
    point = points.get(name)
    if point is None:
        known = f"installed are {', '.join(sorted(points))}" if points else "none is installed"
        raise OwnStrategyUnusable(f"no strategy {name!r}: it is neither given to the gateway nor an entry point of {GROUP} ({known})")
    try:
        make: Callable[..., Any] = point.load()
    except (ImportError, AttributeError) as exc:
        raise OwnStrategyUnusable(f"strategy {name!r} ({point.value}) cannot be loaded: {exc}") from exc
    if not callable(make):
        raise OwnStrategyUnusable(f"strategy {name!r} ({point.value}) is not callable: it must make a strategy of (entry, rules)")
    return Kind(make, lambda _rules: EVERYTHING)
