"""Memory and CPU of this process, from the OS."""

import os
import resource
import sys
import time
from pathlib import Path


class ProcessUsage:
    """CPU percent is over the time since it was last asked, but at least over `window_s` (two scrapers must not spoil each other's)."""

    def __init__(self, window_s: float = 5.0, statm: Path = Path("/proc/self/statm")) -> None:
        self._window_s = window_s
        self._statm = statm
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._at = time.monotonic()
        self._cpu = self.cpu_seconds()
        self._percent = 0.0

    def memory_bytes(self) -> int:
        """Resident set; on systems without /proc the highest it ever was."""
        try:
            return int(self._statm.read_bytes().split()[1]) * self._page
        except (OSError, IndexError):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024

    def cpu_seconds(self) -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def cpu_percent(self) -> float:
        """Of one core. 0.0 until the first window has passed."""
        now = time.monotonic()
        elapsed = now - self._at
        if elapsed >= self._window_s:
            cpu = self.cpu_seconds()
            self._percent = round(100.0 * (cpu - self._cpu) / elapsed, 2)
            self._at, self._cpu = now, cpu
        return self._percent
