"""Waiting for something to become true, with a deadline instead of a sleep for luck."""

import asyncio
from collections.abc import Callable

PATIENT_S = 30.0
"""For what must not time out, whatever else the machine does."""


async def eventually(condition: Callable[[], bool], within_s: float = PATIENT_S) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)
