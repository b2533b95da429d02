"""What the cache tells whoever counts: telemetry stays apart."""

from typing import Literal, Protocol

Tier = Literal["l1", "l2"]


class CacheMeter(Protocol):
    """Called on the hot path: bound metric children, no look-ups."""

    def hit(self, tier: Tier, seconds: float) -> None: ...

    def miss(self, tier: Tier) -> None: ...

    def write(self, tier: Tier) -> None: ...

    def error(self, tier: Tier) -> None:
        """A read or write that failed: the request went on as after a miss."""
        ...


class NullMeter:
    """Counts nothing."""

    def hit(self, tier: Tier, seconds: float) -> None:
        return

    def miss(self, tier: Tier) -> None:
        return

    def write(self, tier: Tier) -> None:
        return

    def error(self, tier: Tier) -> None:
        return


_: type[CacheMeter] = NullMeter
