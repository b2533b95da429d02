"""L1: answers in this process's memory, bounded in number, bytes, age and idleness.

A segmented LRU. New entries are on probation; a hit moves them to the protected segment (at most `PROTECTED` of both bounds, its
least recent go back to probation). Requests that are never repeated, most of a gateway's traffic, so push out each other and not
what is asked for again and again.

Expired entries go when they are touched, and a few on every `put`, soonest first; `sweep` takes all (before a gauge is read).
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from proxy.cache.entry import OVERHEAD_BYTES, CacheEntry
from proxy.core.clock import Clock

PROTECTED = 0.8
SWEPT_A_PUT = 4
"""More than the one that a put adds, so that expired entries always lose."""


class _Slot(msgspec.Struct, eq=False):
    key: bytes
    entry: CacheEntry
    size: int
    expires: float
    idle_until: float
    protected: bool = False


class MemoryCache:
    """`ttl_s`: since stored; `idle_ttl_s`: since last asked for (None: no such limit); `max_entry_bytes`: what one entry may take,
    by default an eighth of all."""

    def __init__(
        self,
        clock: Clock,
        *,
        max_entries: int = 1000,
        max_bytes: int = 64 * 1024 * 1024,
        ttl_s: float = 300.0,
        idle_ttl_s: float | None = None,
        max_entry_bytes: int | None = None,
    ) -> None:
        self._now = clock.monotonic
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._idle_s = float("inf") if idle_ttl_s is None else idle_ttl_s
        self._max_entry_bytes = max_bytes // 8 if max_entry_bytes is None else min(max_entry_bytes, max_bytes)
        self._slots: dict[bytes, _Slot] = {}
        self._probation: OrderedDict[bytes, _Slot] = OrderedDict()
        self._protected: OrderedDict[bytes, _Slot] = OrderedDict()
        self._protected_bytes = 0
        self._bytes = 0
        self._expiries: list[tuple[float, bytes]] = []
        self.evictions = 0
        """Entries that had to go for want of room."""

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def size_bytes(self) -> int:
        return self._bytes

    @property
    def pending_expiries(self) -> int:
        """Items in the list of expiries: at least one an entry, some of them stale."""
        return len(self._expiries)

    def get(self, key: bytes) -> CacheEntry | None:
        slot = self._slots.get(key)
        if slot is None:
            return None
        now = self._now()
        if now >= slot.expires or now >= slot.idle_until:
            self._remove(slot)
            return None
        slot.idle_until = now + self._idle_s
        if slot.protected:
            self._protected.move_to_end(key)
        else:
            self._promote(slot)
        return slot.entry

    def put(self, key: bytes, entry: CacheEntry, *, ttl_s: float | None = None) -> bool:
        """False where the entry is too large. `ttl_s` may shorten this cache's own, not lengthen it."""
        lifetime_s = self._ttl_s if ttl_s is None or ttl_s > self._ttl_s else ttl_s
        slots = self._slots
        if key in slots:
            self._remove(slots[key])
        size = len(entry.body) + OVERHEAD_BYTES  # `entry.size`, less a call
        if size > self._max_entry_bytes or lifetime_s <= 0 or not self._max_entries:
            return False
        now = self._now()
        expires, idle_until = now + lifetime_s, now + self._idle_s
        slots[key] = self._probation[key] = _Slot(key, entry, size, expires, idle_until)
        self._bytes += size
        heap = self._expiries
        heapq.heappush(heap, (expires if expires < idle_until else idle_until, key))
        if heap[0][0] <= now or len(heap) > 64 + 4 * len(slots):
            self._sweep(now, SWEPT_A_PUT)
        if len(slots) > self._max_entries or self._bytes > self._max_bytes:
            self._shrink()
        return True

    def delete(self, key: bytes) -> bool:
        slot = self._slots.get(key)
        if slot is None:
            return False
        self._remove(slot)
        return True

    def clear(self) -> int:
        """How many there were."""
        count = len(self._slots)
        self._slots.clear()
        self._probation.clear()
        self._protected.clear()
        self._expiries.clear()
        self._bytes = self._protected_bytes = 0
        return count

    def sweep(self) -> None:
        """Drop all that has expired."""
        self._sweep(self._now(), len(self._expiries))

    def entries(self) -> Iterator[tuple[bytes, CacheEntry]]:
        """A snapshot, for administration."""
        return iter([(key, slot.entry) for key, slot in self._slots.items()])

    def _promote(self, slot: _Slot) -> None:
        del self._probation[slot.key]
        self._protected[slot.key] = slot
        slot.protected = True
        self._protected_bytes += slot.size
        while len(self._protected) > 1 and (
            len(self._protected) > PROTECTED * self._max_entries or self._protected_bytes > PROTECTED * self._max_bytes
        ):
            key, demoted = self._protected.popitem(last=False)
            demoted.protected = False
            self._protected_bytes -= demoted.size
            self._probation[key] = demoted

    def _shrink(self) -> None:
        """The newest entry is the last on probation and stays: alone it fits."""
        while len(self._slots) > self._max_entries or self._bytes > self._max_bytes:
            if len(self._probation) > 1:  # of a full cache every put ends here: in place, a third of `_remove`
                key, slot = self._probation.popitem(last=False)
                del self._slots[key]
                self._bytes -= slot.size
            else:
                self._remove(next(iter(self._protected.values())))
            self.evictions += 1

    def _remove(self, slot: _Slot) -> None:
        del self._slots[slot.key]
        self._bytes -= slot.size
        if slot.protected:
            del self._protected[slot.key]
            self._protected_bytes -= slot.size
        else:
            del self._probation[slot.key]

    def _sweep(self, now: float, most: int) -> None:
        """Look at up to `most` of the soonest expiries. A heap item is a promise to look, not the truth: its entry may have been
        used since (then it is put back), replaced or removed (then it is dropped)."""
        heap = self._expiries
        while most and heap and heap[0][0] <= now:
            most -= 1
            _, key = heapq.heappop(heap)
            slot = self._slots.get(key)
            if slot is None:
                continue
            due = min(slot.expires, slot.idle_until)
            if due <= now:
                self._remove(slot)
            else:
                heapq.heappush(heap, (due, key))
        if len(heap) > 64 + 4 * len(self._slots):
            self._expiries = [(min(slot.expires, slot.idle_until), slot.key) for slot in self._slots.values()]
            heapq.heapify(self._expiries)
