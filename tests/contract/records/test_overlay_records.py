"""What every store of overlays keeps; one suite over all implementations."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from proxy.core.errors import Unavailable
from proxy.storage.open import open_overlays
from proxy.storage.overlays import EMPTY, DrainOverlay, OverlayRecords, Overlays, WeightOverlay


@pytest.fixture
async def records(url: str) -> AsyncIterator[OverlayRecords]:
    opened = open_overlays(url)
    yield opened
    await opened.aclose()


def overlays(version: int) -> Overlays:
    return Overlays(
        version=version,
        weights={"smärt": WeightOverlay(weights={"a/b/c": 0.5, "d/*": 0.0}, version=version, by="lek_a", at=1_800_000_000.125)},
        drained={"a/b/c": DrainOverlay(version=version, by="lek_b", at=1_800_000_001.0)},
    )


async def test_nothing_at_first(records: OverlayRecords) -> None:
    """Version 0."""
    assert await records.version() == 0
    assert await records.load() == EMPTY


async def test_what_was_put_comes_back(records: OverlayRecords) -> None:
    """Every field, and its version."""
    assert await records.replace(overlays(1), 0)
    assert await records.version() == 1
    assert await records.load() == overlays(1)
    assert await records.replace(Overlays(version=2), 1)
    assert await records.load() == Overlays(version=2)


@pytest.mark.parametrize("before", [0, 2])
async def test_another_version_than_expected_stays(records: OverlayRecords, before: int) -> None:
    """Whether the writer knows an older one or one that never was."""
    await records.replace(overlays(1), 0)
    assert not await records.replace(msgspec.structs.replace(EMPTY, version=before + 1), before)
    assert await records.load() == overlays(1)


async def test_of_many_writers_one_wins(records: OverlayRecords) -> None:
    """At the same time, with the same version in mind."""
    done = await asyncio.gather(*(records.replace(overlays(1), 0) for _ in range(20)))
    assert sum(done) == 1


async def test_versions_go_on(records: OverlayRecords) -> None:
    """For many changes."""
    for version in range(1, 130):
        assert await records.replace(overlays(version), version - 1)
    assert await records.load() == overlays(129)


async def test_a_closed_store_is_unavailable(records: OverlayRecords) -> None:
    """For every method; closing twice is no mistake."""
    await records.replace(overlays(1), 0)
    await records.aclose()
    await records.aclose()
    for call in (records.version(), records.load(), records.replace(overlays(2), 1)):
        with pytest.raises(Unavailable):
            await call
