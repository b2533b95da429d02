"""Sums over samples and passes."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Over the passes."""

    median: float
    low: float
    high: float

    @property
    def percent(self) -> float:
        """Half the range, relative to the median."""
        return 0.0 if self.median == 0 else (self.high - self.low) / 2 / abs(self.median) * 100


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError when there are none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Spread(median, ordered[0], ordered[-1])


def quantile(ordered: Sequence[float], q: float) -> float:
    """Nearest rank of an ascending sequence: the smallest value that at least a share `q` does not exceed; NaN when empty."""
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


def summary_us(samples_ns: Sequence[int]) -> dict[str, float]:
    """Quantiles in microseconds of nanosecond samples."""
    ordered = sorted(samples_ns)
    if not ordered:
        return {}
    named = {f"p{round(q * 100)}_us": quantile(ordered, q) / 1e3 for q in (0.5, 0.95, 0.99)}
    return {**named, "max_us": ordered[-1] / 1e3, "mean_us": sum(ordered) / len(ordered) / 1e3}


def histogram_quantile(buckets: dict[float, float], q: float) -> float:
    """Upper bound of the bucket that holds quantile `q`. `buckets`: upper bound → cumulative count, as Prometheus has them."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0
    if total <= 0:
        return math.nan
    return next(bound for bound in bounds if buckets[bound] >= q * total)
