"""Time behind a small protocol, so that tests own it.

Durations: `monotonic` seconds. Stored times: UTC with milliseconds and `Z`.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import floor
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...

    def time(self) -> float:
        """Unix seconds."""
        ...


_MILLIS: Sequence[str] = [f".{ms:03d}Z" for ms in range(1000)]


class SystemClock:
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


def utc_iso(unix_s: float) -> str:
    """`2026-11-22T20:35:00.123Z`."""
    second = floor(unix_s)
    micros = round((unix_s - second) * 1e6)
    if micros >= 1_000_000:
        second, micros = second + 1, 0
    return _second(second) + _MILLIS[micros // 1000]


@lru_cache(maxsize=64)
def _second(unix_s: int) -> str:
    """Most that are asked for are of the second that is just over."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat()[:19]


_: type[Clock] = SystemClock
