"""Tells running gateways of keys that a command has changed, where they share a Redis."""

import sys

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.governance.key_notices import BoardNotices
from proxy.settings import Settings
from proxy.storage.hot.redis_board import RedisBoard
from proxy.stores import Closers, open_shared

ONE_BY_ONE = 100
"""Of more changes than these every gateway is told to forget all keys that it knows."""


class Changes:
    """KeyNotices for later."""

    def __init__(self) -> None:
        self.made: dict[str, int] = {}

    def changed(self, key_id: str, version: int) -> None:
        self.made[key_id] = version

    async def tell(self, settings: Settings) -> None:
        """At once; where that can't be, a line says when gateways notice by themselves."""
        if self.made and not await self._told(settings):
            print(f"running gateways take notice within {settings.auth.key_cache_ttl_s:g} s (auth.key_cache_ttl_s)", file=sys.stderr)

    async def _told(self, settings: Settings) -> bool:
        if settings.stores.redis_url in (None, "embedded"):
            return False
        tasks, clock = TaskSupervisor(), SystemClock()
        closers: Closers = []
        try:
            _, board = await open_shared(settings, clock=clock, tasks=tasks, closers=closers)
            notices = BoardNotices(board, settings.auth.key_cache_ttl_s)
            if len(self.made) > ONE_BY_ONE:
                notices.all_changed(clock.time())
            else:
                for key_id, version in self.made.items():
                    notices.changed(key_id, version)
            return isinstance(board, RedisBoard) and await board.sync()
        finally:
            for closer in reversed(closers):
                await closer()
            await tasks.close()
