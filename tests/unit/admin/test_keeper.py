"""Overlays from the store into the routes."""

import asyncio
from dataclasses import dataclass, field

import msgspec
import pytest

from proxy.admin.keeper import TRIES, OverlayKeeper
from proxy.core.errors import Conflict, Unavailable
from proxy.storage.overlays import EMPTY, DrainOverlay, Overlays, WeightOverlay
from proxy.storage.overlays_memory import MemoryOverlays
from tests.support.admin import administered
from tests.support.eventually import eventually

DRAINED = Overlays(version=1, drained={"old/m": DrainOverlay(version=1, by="lek_a", at=0.0)})
WEIGHED = Overlays(version=2, weights={"canary": WeightOverlay(weights={"old/m": 1.0}, version=2, by="lek_a", at=0.0)})


async def test_what_the_store_has_is_laid_over() -> None:
    """And taken back when the store has it no more."""
    records = MemoryOverlays()
    async with administered() as edge:
        pipe = edge.gateway.state.pipeline
        keeper = OverlayKeeper(records)
        keeper.attach(pipe)
        for overlays, drained, weight in ((DRAINED, True, 95.0), (WEIGHED, False, 1.0), (Overlays(version=3), False, 95.0)):
            await records.replace(overlays, overlays.version - 1)
            await keeper.refresh()
            assert keeper.overlays == overlays
            assert pipe.health.stats("old/m").drained is drained
            assert pipe.routes.resolve("canary").targets[0].target.weight == weight


async def test_an_older_version_in_the_store_is_taken_too() -> None:
    """A store that was restored from its backup."""
    records = MemoryOverlays()
    await records.replace(WEIGHED, 0)
    keeper = OverlayKeeper(records)
    await keeper.refresh()
    await records.replace(DRAINED, 2)
    await keeper.refresh()
    assert keeper.overlays == DRAINED


async def test_a_lost_store_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once an outage, and the keeper goes on."""
    records = MemoryOverlays()
    await records.replace(DRAINED, 0)
    keeper = OverlayKeeper(records)
    await keeper.try_refresh()
    for _ in range(2):
        records.fail(True)
        await keeper.try_refresh()
        await keeper.try_refresh()
        with pytest.raises(Unavailable):
            await keeper.refresh()
        assert keeper.overlays == DRAINED
        records.fail(False)
        await keeper.try_refresh()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


async def test_it_looks_by_itself() -> None:
    """Within about a second."""
    records = MemoryOverlays()
    keeper = OverlayKeeper(records)
    task = asyncio.ensure_future(keeper.keep())
    await records.replace(DRAINED, 0)
    await eventually(lambda: keeper.overlays == DRAINED, within_s=3.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@dataclass
class Contested:
    """Before each of the first `others` changes somebody else is faster."""

    others: int
    inner: MemoryOverlays = field(default_factory=MemoryOverlays)

    async def version(self) -> int:
        return await self.inner.version()

    async def load(self) -> Overlays:
        return await self.inner.load()

    async def replace(self, overlays: Overlays, before: int) -> bool:
        if self.others:
            self.others -= 1
            await self.inner.replace(msgspec.structs.replace(await self.load(), version=before + 1), before)
        return await self.inner.replace(overlays, before)

    async def aclose(self) -> None:
        await self.inner.aclose()


def drain(stored: Overlays) -> Overlays:
    return msgspec.structs.replace(stored, version=stored.version + 1, drained=DRAINED.drained)


async def test_a_change_is_made_upon_what_is_stored() -> None:
    """Again, when somebody else was faster; it is in force at once."""
    keeper = OverlayKeeper(Contested(others=TRIES - 1))
    held = await keeper.change(drain)
    assert held.version == TRIES
    assert keeper.overlays is held


async def test_it_is_not_tried_for_ever() -> None:
    """Then the client may."""
    with pytest.raises(Conflict, match="try again") as caught:
        await OverlayKeeper(Contested(others=TRIES)).change(drain)
    assert caught.value.retryable


async def test_no_change_is_not_stored() -> None:
    """The version stays."""
    keeper = OverlayKeeper(MemoryOverlays())
    assert await keeper.change(lambda stored: stored) == EMPTY
