"""A timer with microseconds instead of the event loop's milliseconds (uvloop and epoll both round to those)."""

import asyncio
import ctypes
import os
from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = 1
_BILLION = 1_000_000_000


class _Spec(ctypes.Structure):
    _fields_ = (("interval_s", ctypes.c_long), ("interval_ns", ctypes.c_long), ("value_s", ctypes.c_long), ("value_ns", ctypes.c_long))


class PreciseTimer:
    """Calls back once for each `arm`. Source: timerfd_create(2), read 2026-11-22."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop.add_reader(self._fd, self._fired)

    def arm(self, at_ns: int) -> None:
        """`at_ns`: of `time.monotonic_ns()`; at once when that is past."""
        spec = _Spec(0, 0, at_ns // _BILLION, max(at_ns % _BILLION, 1))
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(spec), None)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _fired(self) -> None:
        os.read(self._fd, 8)
        self._callback()
