"""What the signals of a serving process do."""

import asyncio
import os
import signal
from collections.abc import Callable

FORCED_EXIT = 130


def on_signals(drain: Callable[[], None], reload: Callable[[], None], *, abort: Callable[[], None] | None = None) -> None:
    """SIGTERM and the first SIGINT drain, a second SIGINT ends the process at once (after `abort`), SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            if abort is not None:
                abort()
            os._exit(FORCED_EXIT)
        drain()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, drain)
    loop.add_signal_handler(signal.SIGHUP, reload)
