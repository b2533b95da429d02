"""Moving figures of a target: the arithmetic, apart from what it is used for."""

from math import exp

DECAY_S = 10.0
"""After so long without a sample, a latency counts for 1/e. Finagle's default."""
RING = 128
"""Samples that a `Recent` keeps."""
LEAST = 20
"""Samples below which there is no p95: the 19th of 20 is the first that means anything."""
RENEW = 16
"""Samples after which it is computed anew: sorting 128 numbers takes 5 µs."""


class PeakEwma:
    """Seconds. A slower sample counts at once, faster ones pull it down with the time constant `DECAY_S`; so does time alone, so that what
    was slow once and is not asked since gets another chance. Source: Finagle's PeakEwma, read 2026-11-25."""

    __slots__ = ("at", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        """As of the last sample; None: there was none."""
        self.at = 0.0

    def read(self, now: float) -> float | None:
        return None if self.value is None else self.value * exp((self.at - now) / DECAY_S)

    def observe(self, now: float, seconds: float) -> None:
        was = self.value
        if was is not None:
            keep = exp((self.at - now) / DECAY_S)
            was *= keep
            if was > seconds:
                seconds = was + seconds * (1.0 - keep)
        self.value = seconds
        self.at = now


class Recent:
    """The last `RING` samples, and their p95."""

    __slots__ = ("_at", "_due", "_p95", "_samples")

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._at = 0
        self._due = LEAST
        self._p95: float | None = None

    def add(self, sample: float) -> None:
        if len(self._samples) < RING:
            self._samples.append(sample)
        else:
            self._samples[self._at] = sample
            self._at = (self._at + 1) % RING
        self._due -= 1

    def p95(self) -> float | None:
        """At most `RENEW` samples old; None: fewer than `LEAST` so far."""
        if self._due <= 0:
            ranked = sorted(self._samples)
            self._p95 = ranked[(len(ranked) * 95 + 99) // 100 - 1]
            self._due = RENEW
        return self._p95
