"""Single flight: k identical concurrent misses make one upstream call (contract J).

The first request leads. It reads the upstream in its own task, at no extra cost, until another request joins; from then on a pump
task reads, and leader and followers are equal readers of the same frames. The fastest reader sets the pace (`AHEAD_BYTES` of
look-ahead); `KEPT_BYTES` are kept, a reader further behind falls out. A flight that fails for its leader's own reasons hands over:
readers that have shown nothing yet start again and one of them leads. Text is never mixed from two calls: a reader holds on to
one Flight object for everything that it shows.

A call that another process makes is a Flight here as well, which `sharing/follow.py` fills; processes elsewhere that follow this
one's are one reader more (`sharing/lead.py`).
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from proxy.cache.entry import CacheEntry
from proxy.core.errors import EdgeError, StreamTruncated

if TYPE_CHECKING:
    from proxy.cache.meter import Tier
    from proxy.cache.sharing.flights import SharedFlights

KEPT_BYTES = 4 * 1024 * 1024
AHEAD_BYTES = 256 * 1024


class HandedOver(Exception):
    """The leader is gone before its first content: look again, and lead if nobody else does."""


class Landed(msgspec.Struct, frozen=True):
    """The call ended well. `entry` holds the whole answer; None where it grew over `KEPT_BYTES`."""

    entry: CacheEntry | None
    tail: bytes
    """The usage chunk of a stream, which each reader shows or not as its client asked."""


class Flight(msgspec.Struct, eq=False):
    """One upstream call. All methods are synchronous and belong to the event loop's thread."""

    landed: Landed | None = None
    error: EdgeError | None = None
    handover: bool = False
    lost: bool = False
    """The process that made the call is gone: also readers that have taken content, but shown none, are to look again."""
    leaving: bool = False
    """This process, which makes the call, is shutting down: the call is lost to readers elsewhere."""
    tier: "Tier" = "l1"
    """l2: another process makes the call."""
    leader_reads: bool = False
    """The leader has become one of the readers."""
    provider: str | None = None
    model: str | None = None
    """Of the target being tried; None before the first attempt."""
    dropped: list[str] | None = None
    """What that target cannot carry of the request."""
    on_shared: Callable[[], None] | None = None
    """The first reader has joined while the call is under way; of one that has ended there is nothing more to read."""
    on_abandoned: Callable[[], None] | None = None
    _frames: list[bytes] = []
    _dropped: int = 0
    """How many frames were let go from the front."""
    _dropped_bytes: int = 0
    _published: int = 0
    _consumed: int = 0
    """Bytes that the fastest reader has taken."""
    _readers: "set[FlightReader]" = set()
    _waiters: list[asyncio.Future[None]] = []
    _drained: asyncio.Future[None] | None = None

    @property
    def joinable(self) -> bool:
        """Nothing of it has been let go, so that a late reader can still show all."""
        return not self._dropped and self.error is None

    @property
    def shared(self) -> bool:
        return bool(self._readers)

    @property
    def started(self) -> bool:
        """Content has been published."""
        return self._published > 0

    @property
    def ahead(self) -> int:
        """Bytes that no reader has taken yet."""
        return self._published - self._consumed

    @property
    def done(self) -> bool:
        return self.landed is not None or self.error is not None

    def join(self) -> "FlightReader":
        reader = FlightReader(self)
        self._readers.add(reader)
        if len(self._readers) == 1 and self.on_shared is not None and not self.done:
            self.on_shared()
        return reader

    def reader_at(self, frames: int, size: int) -> "FlightReader":
        """For the leader, which has shown the first `frames` frames (`size` bytes) itself."""
        reader = FlightReader(self)
        reader.index = frames
        reader.taken = size
        self._readers.add(reader)
        return reader

    def publish(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._published = published = self._published + len(frame)
        while published - self._dropped_bytes > KEPT_BYTES and self._frames:
            self._dropped_bytes += len(self._frames.pop(0))
            self._dropped += 1
        if self._waiters:
            self._wake()

    def body(self) -> bytes | None:
        """Everything published; None once the beginning was let go."""
        return None if self._dropped else b"".join(self._frames)

    def land(self, entry: CacheEntry | None, tail: bytes = b"") -> None:
        self.landed = Landed(entry, tail)
        if self._waiters:
            self._wake()

    def fail(self, error: EdgeError, *, handover: bool = False, lost: bool = False) -> None:
        if not self.done:
            self.error = error
            self.handover = (handover or lost) and not self.started
            self.lost = lost
            self._wake()

    async def drained(self) -> None:
        """For the pump: wait until the fastest reader is within `AHEAD_BYTES` of the end."""
        while self._readers and self._published - self._consumed > AHEAD_BYTES:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    async def changed(self) -> None:
        """Until the next frame or the end."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def frame_for(self, reader: "FlightReader") -> bytes | None:
        """The reader's next frame, None when it has all there is. Raises StreamTruncated when it fell behind."""
        at = reader.index - self._dropped
        if at < 0:
            raise StreamTruncated("the client read too slowly to follow a shared stream", code="reader_fell_behind", retryable=False)
        if at >= len(self._frames):
            return None
        frame = self._frames[at]
        reader.index += 1
        reader.taken += len(frame)
        if reader.taken > self._consumed:
            self._consumed = reader.taken
            self._resume()
        return frame

    def drop(self, reader: "FlightReader") -> None:
        if reader not in self._readers:
            return
        self._readers.discard(reader)
        if not self._readers and not self.done and self.on_abandoned is not None:
            self.on_abandoned()
        self._resume()

    def _resume(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class FlightReader:
    """One request's place in a flight."""

    __slots__ = ("flight", "index", "taken")

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.index = 0
        self.taken = 0

    async def next(self) -> bytes | None:
        """The next frame; None once the flight has landed and all is read. Raises the flight's error, or HandedOver."""
        flight = self.flight
        while True:
            frame = flight.frame_for(self)
            if frame is not None:
                return frame
            if flight.landed is not None:
                return None
            if flight.error is not None:
                if flight.handover or (flight.lost and not self.taken):
                    raise HandedOver
                raise flight.error
            await flight.changed()

    async def outcome(self) -> Landed:
        """Wait for the end without showing anything on the way: for a client that wants the whole answer at once."""
        flight = self.flight
        while True:
            while flight.frame_for(self) is not None:
                continue
            if flight.landed is not None:
                return flight.landed
            if flight.error is not None:
                if flight.handover or flight.lost:
                    raise HandedOver
                raise flight.error
            await flight.changed()

    def leave(self) -> None:
        self.flight.drop(self)


class Flights:
    """The calls under way, by cache key."""

    __slots__ = ("_flights", "shared")

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}
        self.shared: SharedFlights | None = None
        """None: other processes' calls are not joined."""

    def __len__(self) -> int:
        return len(self._flights)

    def find(self, key: bytes) -> Flight | None:
        flight = self._flights.get(key)
        return flight if flight is not None and flight.joinable else None

    def lead(self, key: bytes) -> Flight:
        """Replaces a flight that can no longer be joined; that one goes on with the readers it has."""
        flight = self._flights[key] = Flight()
        return flight

    def follow(self, key: bytes) -> Flight:
        """The same for a call that another process makes."""
        flight = self._flights[key] = Flight(tier="l2")
        return flight

    def end(self, key: bytes, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if self.shared is not None:
            self.shared.ended(key, flight)
