"""An answer while it is made, for duplicates in the same process: they read along from its beginning."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Literal, Protocol

import msgspec

from proxy.core.errors import EdgeError, ErrorInfo, StreamTruncated
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.idempotency import Answer, IdempotencyStore, Name

KEPT = 4 * 1024 * 1024
"""Bytes of an answer that is under way, as of a call that others join (contract J)."""
Result = Literal["first", "taken_over", "joined", "replayed", "mismatch", "in_progress"]
"""first: it ran; taken_over: it ran, since who ran before it is dead; joined: it read along; replayed: a stored answer."""


class LeadersError(EdgeError):
    """How the first request failed, for those that waited for it."""

    def __init__(self, first: EdgeError) -> None:
        self._info = first.info()
        super().__init__(first.message, code=first.code)

    def info(self) -> ErrorInfo:
        return self._info


class Live:
    """`head`: the answer without its body, once it has begun. `ended` without `complete`: it came to nothing, or broke off.

    All of it is kept up to `KEPT`, so that who comes later can read along from its beginning. What is larger is `closed`: only what its
    readers have not taken yet is kept then; the fastest of them sets the pace, and one that is too far behind falls out.
    """

    def __init__(self, fingerprint: bytes, max_bytes: int, kept: int = KEPT) -> None:
        """`max_bytes`: of an answer that is stored."""
        self.fingerprint = fingerprint
        self.head: Answer | None = None
        self.stored = True
        self.pieces: list[bytes] = []
        self.dropped = 0
        """Pieces before these."""
        self.size = 0
        self.closed = False
        self.complete = False
        self.ended = False
        self.error: EdgeError | None = None
        self.readers: list[Reader] = []
        self._held = 0
        self._max_bytes = max_bytes
        self._most = max(max_bytes, kept)
        self._waiting: list[asyncio.Future[None]] = []

    def fits(self, more: int = 0) -> bool:
        return self.size + more <= self._max_bytes

    def begin(self, head: Answer, *, stored: bool = True) -> None:
        self.head, self.stored = head, stored
        self._changed()

    def add(self, piece: bytes) -> None:
        if piece:
            self.size += len(piece)
            self._held += len(piece)
            self.pieces.append(piece)
            self._changed()

    async def room(self) -> None:
        """What makes the answer waits here after each piece of a stream."""
        if self.size <= self._most:
            return
        self.closed = True
        while self._held > self._most:
            places, end = [reader.at for reader in self.readers], self.dropped + len(self.pieces)
            self._drop(min(places, default=end))
            if self._held > self._most:
                if max(places) == end:
                    self._fall_out()
                else:
                    await self.change()

    def join(self) -> "Reader":
        """From the beginning: not where it is `closed`."""
        reader = Reader(self)
        self.readers.append(reader)
        return reader

    def end(self, *, complete: bool = False, error: EdgeError | None = None) -> None:
        """The first word counts."""
        if not self.ended:
            self.ended, self.complete, self.error = True, complete, error
            self._changed()

    async def begun(self, until: float) -> bool:
        """Whether it can be read; False: it ended and cannot. Raises TimeoutError at `until`, or what the first request failed with."""
        async with asyncio.timeout(max(0.0, until - monotonic())):
            while self.head is None and not self.ended:
                await self.change()
        if self.error is not None and self.head is None:
            raise LeadersError(self.error)
        return self.head is not None

    def moved(self) -> None:
        """A reader went on, or away."""
        if self.closed:
            self._changed()

    def _drop(self, before: int) -> None:
        gone = self.pieces[: before - self.dropped]
        if gone:
            del self.pieces[: len(gone)]
            self.dropped += len(gone)
            self._held -= sum(map(len, gone))

    def _fall_out(self) -> None:
        """Whoever has not taken what goes now finds out at its next look."""
        count, held = 0, self._held
        while held > self._most:
            held -= len(self.pieces[count])
            count += 1
        self._drop(self.dropped + count)

    async def change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Reader:
    """One client's place in an answer."""

    __slots__ = ("_live", "at")

    def __init__(self, live: Live) -> None:
        self._live = live
        self.at = 0

    async def next(self) -> Sequence[bytes]:
        """The pieces after those that it had; none: it has ended. Raises StreamTruncated for one that was too slow."""
        live = self._live
        while self.at == live.dropped + len(live.pieces) and not live.ended:
            await live.change()
        if self.at < live.dropped:
            raise StreamTruncated("this client reads an answer too slowly that others share")
        pieces = live.pieces[self.at - live.dropped :]
        self.at += len(pieces)
        live.moved()
        return pieces

    def leave(self) -> None:
        self._live.readers.remove(self)
        self._live.moved()


class Meter(Protocol):
    def idempotent(self, result: Result) -> None: ...


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    wait_s: float
    ttl_s: float
    lease_s: float
    max_bytes: int
    total_s: float
    """How long a request whose client left may go on, from its beginning."""


class Repeats:
    """What lives as long as the process, whatever the configuration."""

    def __init__(self, store: IdempotencyStore, tasks: TaskSupervisor, meter: Meter) -> None:
        self.store = store
        self.meter = meter
        self.tasks = tasks
        self.lives: dict[Name, Live] = {}
