"""What the admin API has laid over the configuration: canary weights and drained targets, in the record store.

The whole is one small document, replaced by the next version; an older version never comes back, and two writers at once cannot lose each
other's change. Failure: every method raises Unavailable (503) when the store can't answer.
"""

from typing import Protocol

import msgspec


class WeightOverlay(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of an entry's targets, by target id (`provider/model`); targets that it leaves out keep the file's. `at`: unix seconds."""

    weights: dict[str, float]
    version: int
    """Of the whole, when this was changed."""
    by: str
    """Id of the key."""
    at: float


class DrainOverlay(msgspec.Struct, frozen=True, kw_only=True):
    """A target that gets no new requests."""

    version: int
    by: str
    at: float


class Overlays(msgspec.Struct, frozen=True, kw_only=True):
    """`version` 0: nothing was ever changed."""

    version: int = 0
    weights: dict[str, WeightOverlay] = {}
    """By the entry's name."""
    drained: dict[str, DrainOverlay] = {}
    """By target id."""


class OverlayRecords(Protocol):
    async def version(self) -> int:
        """Of what is stored. Cheap: asked every second."""
        ...

    async def load(self) -> Overlays: ...

    async def replace(self, overlays: Overlays, before: int) -> bool:
        """Store `overlays`, whose version is greater than `before`, if `before` is still the one that is stored; whether it was."""
        ...

    async def aclose(self) -> None:
        """May be called more than once; afterwards every method raises Unavailable."""
        ...


KEPT = 100
"""Versions that stay in the store, to see who changed what."""
EMPTY = Overlays()


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Overlays).decode
