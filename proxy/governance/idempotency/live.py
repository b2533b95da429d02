"""An answer while it is made, for duplicates in the same process: they read along from its beginning."""

import asyncio
from collections.abc import Sequence
from time import monotonic

import msgspec

from proxy.core.errors import EdgeError, ErrorInfo
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.idempotency import Answer, IdempotencyStore, Name


class LeadersError(EdgeError):
    """How the first request failed, for those that waited for it."""

    def __init__(self, first: EdgeError) -> None:
        self._info = first.info()
        super().__init__(first.message, code=first.code)

    def info(self) -> ErrorInfo:
        return self._info


class Live:
    """`head`: the answer without its body, once it has begun. `ended` without `complete`: it came to nothing, or broke off."""

    def __init__(self, fingerprint: bytes, max_bytes: int) -> None:
        self.fingerprint = fingerprint
        self.head: Answer | None = None
        self.stored = True
        self.pieces: list[bytes] = []
        self.size = 0
        self.readers = 0
        self.overflow = False
        """Over what is kept, and nobody read along: those who come now cannot."""
        self.complete = False
        self.ended = False
        self.error: EdgeError | None = None
        self._max_bytes = max_bytes
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def fits(self) -> bool:
        return self.size <= self._max_bytes

    def begin(self, head: Answer, *, stored: bool = True) -> None:
        self.head, self.stored = head, stored
        self._changed()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.overflow or (not self.fits and not self.readers):
            self.overflow = True
            self.pieces.clear()
            return
        if piece:
            self.pieces.append(piece)
            self._changed()

    def end(self, *, complete: bool = False, error: EdgeError | None = None) -> None:
        """The first word counts."""
        if not self.ended:
            self.ended, self.complete, self.error = True, complete, error
            self._changed()

    async def begun(self, until: float) -> bool:
        """Whether it can be read; False: it ended and cannot. Raises TimeoutError at `until`, or what the first request failed with."""
        async with asyncio.timeout(max(0.0, until - monotonic())):
            while (self.head is None or self.overflow) and not self.ended:
                await self._change()
        if self.error is not None and self.head is None:
            raise LeadersError(self.error)
        return self.head is not None and not self.overflow

    async def after(self, shown: int) -> Sequence[bytes]:
        """The pieces after the first `shown`; none: it has ended."""
        while shown == len(self.pieces) and not self.ended:
            await self._change()
        return self.pieces[shown:]

    async def _change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    wait_s: float
    ttl_s: float
    lease_s: float
    max_bytes: int
    total_s: float
    """How long a request whose client left may go on, from its beginning."""


class Repeats:
    """What lives as long as the process, whatever the configuration."""

    def __init__(self, store: IdempotencyStore, tasks: TaskSupervisor) -> None:
        self.store = store
        self.tasks = tasks
        self.lives: dict[Name, Live] = {}
