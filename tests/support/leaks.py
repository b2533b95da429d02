"""Finds what a test leaves running. Sockets need no code here: an unclosed one warns, and warnings are errors."""

import asyncio
import functools
import inspect
import threading
import time
from collections.abc import Awaitable, Callable

POOLED = ("asyncio_", "ThreadPoolExecutor", "execnet", "litellm-", "aws-signing")
"""Threads of pools that the interpreter ends itself (the last two: the litellm package's)."""
SETTLE_S = 2.0
"""How long tasks that are about to end (a connection just closed) may take; a test that leaves none waits not at all."""


def without_leaked_tasks(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The same test, failing where asyncio tasks that it started are still pending at its end."""

    @functools.wraps(test)
    async def wrapped(*args: object, **kwargs: object) -> None:
        before = asyncio.all_tasks()
        await test(*args, **kwargs)
        left = await _settle(before)
        assert not left, f"the test left asyncio tasks behind: {sorted(map(repr, left))}"

    return wrapped


async def _settle(before: set["asyncio.Task[object]"]) -> set["asyncio.Task[object]"]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLE_S
    while left := asyncio.all_tasks() - before:
        if loop.time() > deadline:
            return left
        await asyncio.sleep(0 if loop.time() < deadline - SETTLE_S + 0.05 else 0.01)
    return set()


def is_plain_coroutine_test(function: object) -> bool:
    """Hypothesis runs its tests through a wrapper of its own; those are left alone."""
    return inspect.iscoroutinefunction(function) and not hasattr(function, "hypothesis")


def foreign_threads() -> set[threading.Thread]:
    """Non-daemon threads, which would keep the interpreter alive."""
    return {
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.daemon and not thread.name.startswith(POOLED)
    }


def remaining(threads: set[threading.Thread], within_s: float = 5.0) -> list[str]:
    """Names of those that do not end: what was told to (an executor that is shut down without waiting) needs a moment."""
    deadline = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return sorted(thread.name for thread in threads if thread.is_alive())
