"""Overlays in a file; what every store keeps is in tests/contract/records."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.overlays import KEPT, Overlays
from proxy.storage.sqlite_overlays import SqliteOverlays


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteOverlays]:
    opened = SqliteOverlays(tmp_path / "records.db")
    yield opened
    await opened.aclose()


async def test_asking_makes_no_file(records: SqliteOverlays) -> None:
    """A gateway without a single key or change leaves nothing behind."""
    assert await records.version() == 0
    assert not records.path.exists()


async def test_a_file_that_vanished_is_no_version_0(records: SqliteOverlays) -> None:
    """Drained targets would come back."""
    await records.replace(Overlays(version=1), 0)
    records.path.unlink()
    with pytest.raises(Unavailable):
        await records.version()


async def test_two_processes_see_one_another(records: SqliteOverlays) -> None:
    """Here: two connections."""
    other = SqliteOverlays(records.path)
    await records.replace(Overlays(version=1), 0)
    assert await other.version() == 1
    assert not await other.replace(Overlays(version=1), 0)
    assert await other.replace(Overlays(version=2), 1)
    assert await records.version() == 2
    await other.aclose()


async def test_old_versions_are_forgotten(records: SqliteOverlays) -> None:
    """The last ones stay, with the time that they were stored."""
    for version in range(1, KEPT + 10):
        await records.replace(Overlays(version=version), version - 1)
    with closing(sqlite3.connect(records.path)) as connection, connection:
        rows = connection.execute("SELECT version, stored_at FROM overlays ORDER BY version").fetchall()
    assert [row[0] for row in rows] == list(range(10, KEPT + 10))
    assert all(row[1].endswith("Z") for row in rows)


async def test_a_row_that_nobody_wrote_is_unavailable(records: SqliteOverlays) -> None:
    """Not empty."""
    await records.replace(Overlays(version=1), 0)
    with closing(sqlite3.connect(records.path)) as connection, connection:
        connection.execute('UPDATE overlays SET document = \'{"version": "x"}\'')
    with pytest.raises(Unavailable, match="unreadable"):
        await records.load()
