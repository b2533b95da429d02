"""Tells running gateways of what a command has changed, where they share a Redis."""

import sys
from abc import ABC, abstractmethod

from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.governance.key_notices import BoardNotices
from proxy.governance.plans.book import PlanNotices
from proxy.settings import Settings
from proxy.storage.hot.board import Board
from proxy.storage.hot.redis_board import RedisBoard
from proxy.stores import Closers, open_shared

ONE_BY_ONE = 100
"""Of more changed keys than these every gateway is told to forget all keys that it knows."""


class _Later(ABC):
    """Notices that are put on the board at the end of the command."""

    async def tell(self, settings: Settings) -> None:
        """At once; where that can't be, a line says when gateways notice by themselves."""
        if self._any() and not await self._told(settings):
            print(f"running gateways take notice within {settings.auth.key_cache_ttl_s:g} s (auth.key_cache_ttl_s)", file=sys.stderr)

    @abstractmethod
    def _any(self) -> bool: ...

    @abstractmethod
    def _put(self, board: Board, ttl_s: float) -> None: ...

    async def _told(self, settings: Settings) -> bool:
        if settings.stores.redis_url in (None, "embedded"):
            return False
        tasks = TaskSupervisor()
        closers: Closers = []
        try:
            _, board = await open_shared(settings, clock=SystemClock(), tasks=tasks, closers=closers)
            self._put(board, settings.auth.key_cache_ttl_s)
            return isinstance(board, RedisBoard) and await board.sync()
        finally:
            for closer in reversed(closers):
                await closer()
            await tasks.close()


class KeyChanges(_Later):
    """KeyNotices for later."""

    def __init__(self) -> None:
        self.made: dict[str, int] = {}

    def changed(self, key_id: str, version: int) -> None:
        self.made[key_id] = version

    def _any(self) -> bool:
        return bool(self.made)

    def _put(self, board: Board, ttl_s: float) -> None:
        notices = BoardNotices(board, ttl_s)
        if len(self.made) > ONE_BY_ONE:
            notices.all_changed(SystemClock().time())
            return
        for key_id, version in self.made.items():
            notices.changed(key_id, version)


class PlanChanges(_Later):
    """The same of tenants' plans."""

    def __init__(self) -> None:
        self.made: dict[str, float] = {}

    def changed(self, tenant: str, at: float) -> None:
        self.made[tenant] = at

    def _any(self) -> bool:
        return bool(self.made)

    def _put(self, board: Board, ttl_s: float) -> None:
        notices = PlanNotices(board, ttl_s)
        for tenant, at in self.made.items():
            notices.changed(tenant, at)
