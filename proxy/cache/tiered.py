"""The cache as the pipeline sees it: L1, then L2. A failing L2 is a miss; nothing here raises for a store."""

from time import perf_counter

import msgspec

from proxy.cache.entry import CacheEntry
from proxy.cache.marks import PurgeMarks
from proxy.cache.memory import MemoryCache
from proxy.cache.meter import CacheMeter, NullMeter, Tier
from proxy.cache.redis import RedisCache
from proxy.core.clock import Clock
from proxy.storage.hot.base import HotStore


class CacheStatus(msgspec.Struct, frozen=True, kw_only=True):
    """For `/health`."""

    l1_enabled: bool
    l1_entries: int
    l1_bytes: int
    l1_evictions: int
    l2_configured: bool
    l2_healthy: bool


class TieredCache:
    """Either tier may be absent (None)."""

    def __init__(
        self,
        clock: Clock,
        *,
        l1: MemoryCache | None,
        l2: RedisCache | None = None,
        meter: CacheMeter | None = None,
        lifetime_s: float = 86_400.0,
    ) -> None:
        """`lifetime_s`: no answer lives longer, in either tier."""
        self._unix_now = clock.time
        self._l1 = l1
        self._l2 = l2
        self._meter = meter or NullMeter()
        self.marks = PurgeMarks(keep_s=lifetime_s)

    @property
    def has_l2(self) -> bool:
        """There is an L2, and asking it may help: False while its breaker is open."""
        return self._l2 is not None and self._l2.healthy

    @property
    def hot(self) -> HotStore | None:
        """The Redis of L2."""
        return None if self._l2 is None else self._l2.hot

    def peek(self, key: bytes, max_age_s: float | None = None) -> CacheEntry | None:
        """L1 only, without awaiting."""
        if self._l1 is None:
            return None
        began = perf_counter()
        entry = self._l1.get(key)
        if (
            entry is None
            or (max_age_s is not None and self._too_old(entry, max_age_s))
            or (self.marks.marks and self.marks.hides(key, entry))
        ):
            self._meter.miss("l1")
            return None
        self._meter.hit("l1", perf_counter() - began)
        return entry

    async def fetch(self, key: bytes, max_age_s: float | None = None) -> CacheEntry | None:
        """L2 only; a hit goes to L1 for what is left of its lifetime, also when it is too old for this client."""
        if self._l2 is None:
            return None
        began = perf_counter()
        found = await self._l2.get(key)
        if found is not None and not (self.marks.marks and self.marks.hides(key, found[0])):
            entry, left_s = found
            if self._l1 is not None:
                self._l1.put(key, entry, ttl_s=left_s)
            if not self._too_old(entry, max_age_s):
                self._meter.hit("l2", perf_counter() - began)
                return entry
        self._meter.miss("l2")
        return None

    async def get(self, key: bytes, max_age_s: float | None = None) -> tuple[CacheEntry, Tier] | None:
        """`peek`, then `fetch`: for callers that have not peeked."""
        entry = self.peek(key, max_age_s)
        if entry is not None:
            return entry, "l1"
        entry = await self.fetch(key, max_age_s)
        return None if entry is None else (entry, "l2")

    def put(self, key: bytes, entry: CacheEntry) -> None:
        """Both tiers; L2 after the fact. The policy (`storable`) has been asked before."""
        if self._l1 is not None and self._l1.put(key, entry):
            self._meter.write("l1")
        if self._l2 is not None:
            self._l2.put(key, entry)

    def purge(self, key: bytes) -> None:
        """From L1 now, from L2 soon; other replicas' L1 keep theirs for its lifetime."""
        if self._l1 is not None:
            self._l1.delete(key)
        if self._l2 is not None:
            self._l2.delete(key)

    async def clear(self) -> dict[Tier, int]:
        """How many entries went, per tier. Raises RedisDown or RedisRefused where L2 could not be emptied; L1 is empty then."""
        removed: dict[Tier, int] = {}
        if self._l1 is not None:
            removed["l1"] = self._l1.clear()
        if self._l2 is not None:
            removed["l2"] = await self._l2.clear()
        return removed

    def status(self) -> CacheStatus:
        """Also for the gauges: expired entries are swept first."""
        if self._l1 is not None:
            self._l1.sweep()
        return CacheStatus(
            l1_enabled=self._l1 is not None,
            l1_entries=len(self._l1) if self._l1 is not None else 0,
            l1_bytes=self._l1.size_bytes if self._l1 is not None else 0,
            l1_evictions=self._l1.evictions if self._l1 is not None else 0,
            l2_configured=self._l2 is not None,
            l2_healthy=self._l2 is not None and self._l2.connected,
        )

    def _too_old(self, entry: CacheEntry, max_age_s: float | None) -> bool:
        return max_age_s is not None and entry.age_s(self._unix_now()) > max_age_s
