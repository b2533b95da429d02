"""Takes what a spool holds to where it belongs, in order, again and again until it is there; and what dead writers left behind.

Loss of the destination: everything stays in the spool and is tried again after a growing pause, up to `PAUSE_MAX_S`; a spool that cannot be
read the same.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from proxy.bus.spool import Orphan, Position, Spool, orphans
from proxy.core.errors import EdgeError
from proxy.core.tasks import TaskSupervisor

AT_ONCE = 500
EVERY_S = 1.0
"""Between deliveries: few large ones cost the destination, and this process, far less than many small ones."""
BETWEEN_S = 0.02
"""Between the portions of one that nobody waits for: its thread shares a core with the requests for some milliseconds at a time, instead of
for as long as all of it takes."""
SYNC_EVERY_S = 0.2
PAUSE_MAX_S = 10.0
ADOPT_EVERY_S = 30.0

_log = logging.getLogger("llm_edge")

Deliver = Callable[[Sequence[bytes]], Awaitable[None]]
"""All or none; twice is as good as once. Raises EdgeError when it can't."""


class Delivery:
    """`deliver` takes payloads of what has ended, and of what was begun by a writer that died."""

    def __init__(self, spool: Spool, deliver: Deliver, *, adopt_every_s: float = ADOPT_EVERY_S, between_s: float = BETWEEN_S) -> None:
        self._spool = spool
        self._deliver = deliver
        self._adopt_every_s = adopt_every_s
        self._between_s = between_s
        self._busy = asyncio.Lock()
        self._wanted = 0
        """Those who flush and wait for another delivery."""
        self._hurry = asyncio.Event()
        """While there are any."""
        self._adopting = asyncio.Lock()
        self._looked = False
        """For what dead writers left, since the start."""
        self.waiting = False
        """The destination does not take anything just now."""

    def start(self, tasks: TaskSupervisor) -> None:
        tasks.start(self._sync(), name="spool-sync", endless=True)
        tasks.start(self._run(), name="spool-delivery", endless=True)
        tasks.start(self._adopt(), name="spool-adoption", endless=True)

    async def flush(self) -> bool:
        """Deliver what is there now; whether all of it is delivered."""
        self._wanted += 1
        self._hurry.set()
        try:
            await self._busy.acquire()
        finally:
            self._wanted -= 1
            if not self._wanted:
                self._hurry.clear()
        try:
            return await self._flush(0.0)
        finally:
            self._busy.release()

    async def _flush(self, between_s: float) -> bool:
        try:
            await self._all_of(self._spool, between_s)
        except (EdgeError, OSError) as exc:
            self._tell(exc)
            return False
        self.waiting = False
        return True

    async def adopt(self) -> int:
        """Deliver what dead writers left behind; of how many."""
        async with self._adopting:
            found, done = await self._adopt_all()
            self._looked = self._looked or done == found
        return done

    async def catch_up(self) -> bool:
        """`flush`, and what dead writers had left behind when this one began."""
        if not self._looked:
            await self.adopt()
        return await self.flush() and self._looked

    async def _adopt_all(self) -> tuple[int, int]:
        """How many were found, and how many are done."""
        found = await asyncio.to_thread(orphans, self._spool.root)
        done = 0
        for orphan in found:
            try:
                await self._all_of(orphan)
                begun = await asyncio.to_thread(orphan.begun)
                if begun:
                    await self._deliver(begun)
            except (EdgeError, OSError) as exc:
                self._tell(exc)
                orphan.close()
                continue
            if begun:
                _log.warning("a gateway died with calls under way: they are kept as unknown", extra={"records": len(begun)})
            await asyncio.to_thread(orphan.remove)
            done += 1
        return len(found), done

    async def _run(self) -> None:
        pause = EVERY_S
        while True:
            await asyncio.sleep(pause)
            if not self._spool.behind:
                continue
            async with self._busy:
                done = await self._flush(self._between_s)
            pause = EVERY_S if done else min(PAUSE_MAX_S, pause * 2)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            await asyncio.to_thread(self._spool.sync)

    async def _adopt(self) -> None:
        while True:
            await self.adopt()
            await asyncio.sleep(self._adopt_every_s)

    async def _all_of(self, source: Spool | Orphan, between_s: float = 0.0) -> None:
        """What is there now. (Under load more has always come meanwhile: who waited for an end of it would deliver it in handfuls, for
        several times the CPU.)"""
        at: Position | None = None
        pause = 0.0
        goal = source.until
        while True:
            batch = source.recent()
            if batch is None:
                batch = await asyncio.to_thread(source.read, AT_ONCE)
            for begin in range(0, len(batch.payloads), AT_ONCE):
                if pause:
                    await self._rest(pause)
                pause = between_s
                await self._deliver(batch.payloads[begin : begin + AT_ONCE])
            source.delivered(batch.until)
            if batch.until == at or (goal is not None and batch.until >= goal):
                return
            at = batch.until

    async def _rest(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), pause_s)

    def _tell(self, exc: Exception) -> None:
        if not self.waiting:
            _log.warning("records wait in the spool", extra={"error": str(exc)[:200]})
        self.waiting = True
