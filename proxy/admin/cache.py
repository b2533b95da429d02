"""`/v1/admin/cache`: how full it is, and its end."""

from collections.abc import Callable

import msgspec
from starlette.types import Receive, Scope, Send

from proxy.admin.answer import answer
from proxy.cache.tiered import TieredCache
from proxy.core.errors import Unavailable
from proxy.storage.hot.base import RedisDown, RedisRefused


class CacheRoutes:
    def __init__(self, cache: Callable[[], TieredCache]) -> None:
        self._cache = cache

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """L1 is that of the process that answers."""
        await answer(send, msgspec.to_builtins(self._cache().status()))

    async def clear(self, scope: Scope, receive: Receive, send: Send) -> None:
        """L1 of the process that answers, and L2."""
        try:
            removed = await self._cache().clear()
        except (RedisDown, RedisRefused) as exc:
            raise Unavailable(f"L1 is empty, but L2 could not be emptied: {exc}", retry_after_s=1.0) from exc
        await answer(send, {"removed": removed, "reached": ["l1 of this process", *(["l2"] if "l2" in removed else [])]})
