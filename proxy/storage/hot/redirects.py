"""Commands that a cluster's node sent elsewhere: not too often, and not beyond their first time-out."""

import asyncio
from typing import Any

from proxy.storage.hot.base import RedisDown

MAX_REDIRECTS = 5
"""Of one command. A slot that is moving takes two; more says that the nodes disagree."""


class Redirects:
    def __init__(self, label: str) -> None:
        """`label`: for the messages."""
        self._label = label
        self._counts: dict[asyncio.Future[Any], int] = {}
        self._timers: dict[asyncio.Future[Any], asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Commands under way that have been redirected."""
        return len(self._counts)

    def note(self, future: "asyncio.Future[Any]", deadline: float) -> bool:
        """Before an unfinished command is sent again; `deadline`: in loop time. False: often enough, it has been failed."""
        count = self._counts.get(future, 0) + 1
        if count > MAX_REDIRECTS:
            future.set_exception(RedisDown(f"{self._label}: redirected {MAX_REDIRECTS} times"))
            return False
        if count == 1:
            self._timers[future] = asyncio.get_running_loop().call_at(deadline, self._expire, future)
            future.add_done_callback(self._forget)
        self._counts[future] = count
        return True

    def _expire(self, future: "asyncio.Future[Any]") -> None:
        if not future.done():
            future.set_exception(RedisDown(f"{self._label}: no answer within the time-out, redirects included"))

    def _forget(self, future: "asyncio.Future[Any]") -> None:
        self._counts.pop(future, None)
        self._timers.pop(future).cancel()
