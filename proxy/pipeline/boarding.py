"""How a request comes to a call that another process may be making: it claims the lease with its L2 look-up, and leads or follows.

fetch ──hit──▶ let_go
  └──miss──▶ theirs ──a flight──▶ let_go, follow it ──came to nothing──▶ fetch
               └──none──▶ lead
"""

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import Flight, HandedOver
from proxy.cache.sharing.flights import Claim, SharedFlights
from proxy.core.context import RequestContext
from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline


class Boarding:
    """Of one request. What it claimed is let go at its end, however that comes."""

    __slots__ = ("_claim", "_key", "_max_age_s", "_pipe", "_shared")

    def __init__(self, pipe: Pipeline, asked: Asked, shared: SharedFlights, key: bytes) -> None:
        self._pipe = pipe
        self._shared = shared
        self._key = key
        self._max_age_s = asked.verdict.max_age_s
        self._claim: Claim | None = None
        asked.ctx.settle.append(self.let_go)

    async def fetch(self) -> CacheEntry | None:
        """From L2; what a miss needs, the lease, is asked for in the same write."""
        self.let_go()
        self._claim = self._shared.claim(self._key)
        return await self._pipe.cache.fetch(self._key, self._max_age_s)

    async def theirs(self) -> Flight | None:
        """The call that has the lease, if another process makes it, or one that has begun here meanwhile; None: lead. Raises HandedOver
        when it came and went."""
        claim = self._claim
        if claim is None:
            return None
        state = await claim.outcome()
        flight = self._pipe.flights.find(self._key)
        if flight is None and state == "spent":
            raise HandedOver
        return claim.follow() if flight is None else flight

    def lead(self, flight: Flight) -> None:
        """Under the lease, where it was granted."""
        if self._claim is not None:
            self._claim.lead(flight)
            self.let_go()

    def let_go(self, _ctx: RequestContext | None = None) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.drop()
