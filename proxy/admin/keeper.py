"""Overlays in force: read from the record store, which is the truth, every second; laid over the routes and the health of targets.

So a change reaches every process with the same store within about a second, whoever made it, and a store that is down changes nothing:
what was read last goes on to hold.
"""

import asyncio
import logging
from collections.abc import Callable

from proxy.core.errors import Conflict, Unavailable
from proxy.pipeline.deps import Pipeline
from proxy.storage.overlays import EMPTY, OverlayRecords, Overlays

POLL_S = 1.0
TRIES = 5
"""Of a change that others get in the way of."""


class OverlayKeeper:
    def __init__(self, records: OverlayRecords) -> None:
        self._records = records
        self._pipeline: Pipeline | None = None
        self._drained: frozenset[str] = frozenset()
        """As told to the health book, which outlives a configuration."""
        self._failing = False
        self._one_at_a_time = asyncio.Lock()
        """So that what was read before a change is not taken after it."""
        self._log = logging.getLogger("llm_edge")
        self.overlays: Overlays = EMPTY
        """In force in this process."""

    def attach(self, pipeline: Pipeline) -> None:
        """Of a configuration that comes into force: to be called before its first request."""
        self._pipeline = pipeline
        self._apply()

    async def refresh(self) -> None:
        """What the store has now. Raises Unavailable."""
        async with self._one_at_a_time:
            if await self._records.version() != self.overlays.version:
                self._take(await self._records.load())

    async def keep(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(POLL_S)
            await self.try_refresh()

    async def try_refresh(self) -> None:
        try:
            await self.refresh()
        except Unavailable as exc:
            if not self._failing:
                self._log.warning("overlays stay as they are: the record store does not answer", extra={"error": exc.message})
            self._failing = True
        else:
            self._failing = False

    async def change(self, edit: Callable[[Overlays], Overlays]) -> Overlays:
        """What holds then. `edit` gets what is stored, perhaps again when somebody else was faster, and returns the same object for no
        change. Raises what it raises, Unavailable, Conflict."""
        for _ in range(TRIES):
            async with self._one_at_a_time:
                stored = await self._records.load()
                wanted = edit(stored)
                if wanted is stored or await self._records.replace(wanted, stored.version):
                    self._take(wanted)
                    return wanted
        raise Conflict("others change the overlays all the time: try again", code="changed_meanwhile", retryable=True)

    def _take(self, overlays: Overlays) -> None:
        self.overlays = overlays
        self._apply()

    def _apply(self) -> None:
        pipe = self._pipeline
        if pipe is None:
            return
        pipe.routes.reweigh({name: overlay.weights for name, overlay in self.overlays.weights.items()})
        now, drained = pipe.clock.monotonic(), frozenset(self.overlays.drained)
        for target in drained ^ self._drained:
            pipe.health.drain(pipe.health.stats(target), target in drained, now)
        self._drained = drained
