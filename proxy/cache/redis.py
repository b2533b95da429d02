"""L2: encoded entries in a Redis that replicas share, under `llm-edge:le1:<64 hex>` with a lifetime.

Loss: any failure is a miss, reads end within the hot store's 100 ms, and at once while its breaker is open. Writes are sent and
forgotten: they cost an answer nothing, and a lost one is only a later miss.
"""

import asyncio
from collections.abc import Callable

from proxy.cache.entry import CacheEntry, decode
from proxy.cache.meter import CacheMeter, NullMeter
from proxy.core.clock import Clock
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused

KEY_FORMAT = "le1:"
SCANNED_AT_ONCE = 500


class RedisCache:
    """`max_entry_bytes`: of an encoded entry."""

    def __init__(
        self,
        hot: HotStore,
        clock: Clock,
        *,
        prefix: str = "llm-edge:",
        ttl_s: float = 3600.0,
        max_entry_bytes: int = 1024 * 1024,
        meter: CacheMeter | None = None,
    ) -> None:
        self.hot = hot
        self._now = clock.time
        self._prefix = prefix + KEY_FORMAT
        self._ttl_s = ttl_s
        self._max_entry_bytes = max_entry_bytes
        self._meter = meter or NullMeter()

    @property
    def healthy(self) -> bool:
        return self.hot.available

    @property
    def connected(self) -> bool:
        return self.hot.available and self.hot.connected

    async def get(self, key: bytes) -> tuple[CacheEntry, float] | None:
        """The entry and what is left of its lifetime in seconds, by this process's `ttl_s`. Never raises for the store."""
        if not self.hot.available:
            self._meter.error("l2")
            return None
        try:
            data = await self.hot.get(self._prefix + key.hex())
        except (RedisDown, RedisRefused):
            self._meter.error("l2")
            return None
        entry = None if data is None else decode(data)
        if entry is None:
            return None
        left_s = self._ttl_s - entry.age_s(self._now())
        return None if left_s <= 0 else (entry, left_s)

    def put(self, key: bytes, entry: CacheEntry) -> bool:
        """True when it is on its way."""
        if not self.hot.available:
            self._meter.error("l2")
            return False
        data = entry.encode()
        left_s = self._ttl_s - entry.age_s(self._now())
        if len(data) > self._max_entry_bytes or left_s <= 0:
            return False
        self.hot.set(self._prefix + key.hex(), data, left_s).add_done_callback(self._written)
        return True

    def delete(self, key: bytes) -> None:
        self.hot.delete(self._prefix + key.hex()).add_done_callback(self._taken)

    async def clear(self) -> int:
        """Removes every entry under the prefix, by SCAN, and says how many. Raises RedisDown or RedisRefused."""
        removed, cursor = 0, b"0"
        pattern = _escape_glob(self._prefix) + "*"
        while True:
            cursor, keys = await self.hot.execute("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED_AT_ONCE)
            if keys:
                removed += await self.hot.delete(*keys)
            if cursor == b"0":
                return removed

    def _written(self, future: "asyncio.Future[object]") -> None:
        self._outcome(future, lambda: self._meter.write("l2"))

    def _taken(self, future: "asyncio.Future[int]") -> None:
        self._outcome(future, lambda: None)

    def _outcome(self, future: "asyncio.Future[object] | asyncio.Future[int]", on_success: Callable[[], None]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._meter.error("l2")
        else:
            on_success()


def _escape_glob(text: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\^-" else char for char in text)
