"""Overlays in an attribute: for the demo and for tests. Lost with the process."""

from proxy.core.errors import Unavailable
from proxy.storage.overlays import EMPTY, OverlayRecords, Overlays


class MemoryOverlays:
    """`fail(True)` makes every call raise Unavailable until `fail(False)`: the supported switch for outage tests."""

    def __init__(self) -> None:
        self._overlays = EMPTY
        self._failing = False
        self._closed = False

    def fail(self, failing: bool) -> None:
        self._failing = failing

    async def version(self) -> int:
        self._check()
        return self._overlays.version

    async def load(self) -> Overlays:
        self._check()
        return self._overlays

    async def replace(self, overlays: Overlays, before: int) -> bool:
        self._check()
        if self._overlays.version != before:
            return False
        self._overlays = overlays
        return True

    async def aclose(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if self._closed or self._failing:
            raise Unavailable("the record store is not available", retry_after_s=1.0)


_: type[OverlayRecords] = MemoryOverlays
