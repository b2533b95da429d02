"""Figures of the operating system."""

import time
from pathlib import Path

import pytest

from proxy.telemetry.process import ProcessUsage


def test_memory_is_resident_memory() -> None:
    """As the kernel says."""
    line = next(text for text in Path("/proc/self/status").read_text().splitlines() if text.startswith("VmRSS:"))
    assert ProcessUsage().memory_bytes() == pytest.approx(int(line.split()[1]) * 1024, rel=0.2)


def test_memory_without_proc() -> None:
    """The peak, where there is nothing better."""
    assert ProcessUsage(statm=Path("/nonexistent")).memory_bytes() > 1e6


def test_cpu_percent_of_a_busy_and_an_idle_time() -> None:
    """Measured over the window; between windows the last value holds."""
    usage = ProcessUsage(window_s=0.05)
    assert usage.cpu_percent() == 0.0
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    busy = usage.cpu_percent()
    assert busy > 10
    assert usage.cpu_percent() == busy
    time.sleep(0.3)
    assert usage.cpu_percent() < busy
