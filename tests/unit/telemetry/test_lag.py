"""The timer that watches the loop."""

import asyncio
import time

from proxy.telemetry.lag import LagMonitor
from tests.support.eventually import eventually


async def test_a_blocked_loop_shows() -> None:
    """About as late as it was blocked."""
    seen: list[float] = []
    monitor = LagMonitor(seen.append, period_s=0.01)
    monitor.start()
    await eventually(lambda: len(seen) >= 2)
    seen.clear()
    time.sleep(0.1)  # noqa: ASYNC251 - what is measured
    await eventually(lambda: bool(seen))
    monitor.stop()
    assert seen[0] > 0.05


async def test_it_stops() -> None:
    """And may be stopped twice."""
    seen: list[float] = []
    monitor = LagMonitor(seen.append, period_s=0.001)
    monitor.start()
    await eventually(lambda: bool(seen))
    monitor.stop()
    monitor.stop()
    count = len(seen)
    await asyncio.sleep(0.02)
    assert len(seen) == count


async def test_never_negative() -> None:
    """A timer that fires early by the clock's grain is not late."""
    seen: list[float] = []
    monitor = LagMonitor(seen.append, period_s=0.0)
    monitor.start()
    await eventually(lambda: len(seen) > 20)
    monitor.stop()
    assert min(seen) >= 0.0
