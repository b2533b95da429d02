"""Time behind a small protocol, so that tests own it.

Durations: `monotonic` seconds. Stored times: UTC with milliseconds and `Z`.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...

    def time(self) -> float:
        """Unix seconds."""
        ...


class SystemClock:
    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


def utc_iso(unix_s: float) -> str:
    """`2026-11-22T20:35:00.123Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_: type[Clock] = SystemClock
