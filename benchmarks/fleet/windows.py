"""How much was let through in any window of a minute, of requests whose moment of admission is known within bounds.

A request is admitted by Redis, on the machine's clock, after its gateway began with it and before the provider had it. So a window may hold
a request *certainly* (both bounds in it), or as the *provider* saw it (by its arrival there, some milliseconds late, and each by its own).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Admitted(NamedTuple):
    """Unix seconds: not before `begun`, not after `arrived`."""

    begun: float
    arrived: float


class Fullest(NamedTuple):
    requests: int = 0
    begin: float = 0.0


def certain(admitted: Sequence[Admitted], span_s: float, starts: Sequence[float] | None = None) -> Fullest:
    """The window [begin, begin + span_s) that certainly holds the most. `starts`: only windows that begin then; else where any request did,
    which no other window exceeds. No request may take as long as a window."""
    begun = sorted(one.begun for one in admitted)
    arrived = sorted(one.arrived for one in admitted)
    best = Fullest()
    for begin in begun if starts is None else starts:
        count = bisect_left(arrived, begin + span_s) - bisect_left(begun, begin)
        if count > best.requests:
            best = Fullest(count, begin)
    return best


def seen(arrivals: Sequence[float], span_s: float) -> Fullest:
    """The fullest window by the provider's clock."""
    ordered = sorted(arrivals)
    best = Fullest()
    for i, begin in enumerate(ordered):
        count = bisect_left(ordered, begin + span_s) - i
        if count > best.requests:
            best = Fullest(count, begin)
    return best


def starts_apart(admitted: Sequence[Admitted], span_s: float, begin: float, end: float) -> tuple[list[float], list[float]]:
    """Starts of windows that do not touch [begin, end], and of those that do."""
    apart: list[float] = []
    touching: list[float] = []
    for start in sorted(one.begun for one in admitted):
        (apart if start + span_s < begin or start > end else touching).append(start)
    return apart, touching


def over_time(arrivals: Sequence[float], span_s: float, step_s: float, begin: float, end: float) -> list[tuple[float, float]]:
    """(seconds since `begin`, how many came in the `span_s` before), for a plot."""
    ordered = sorted(arrivals)
    found = []
    at = begin
    while at <= end:
        found.append((round(at - begin, 3), float(bisect_right(ordered, at) - bisect_right(ordered, at - span_s))))
        at += step_s
    return found
