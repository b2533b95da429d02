"""How late this process's event loop ran while a test measured: a busy machine's share in what the test saw."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK_S = 0.002


class Lag:
    worst_s = 0.0
    """The longest that a tick came too late."""


@asynccontextmanager
async def watched() -> AsyncIterator[Lag]:
    lag = Lag()

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            lag.worst_s = max(lag.worst_s, time.perf_counter() - due)

    ticker = asyncio.ensure_future(tick())
    try:
        yield lag
    finally:
        ticker.cancel()
