"""Issued answers in the SQLite file."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.responses import ResponseRecord
from proxy.storage.sqlite_responses import SqliteResponses

RECORD = ResponseRecord(
    response_id="resp_a",
    tenant="t",
    key_id="k",
    asked="m",
    provider="p",
    model="m",
    at_provider=True,
    created_at=1_800_000_000.0,
    expires_at=1_800_000_060.0,
)


def there(path: Path) -> bool:
    return path.exists()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


@pytest.fixture
async def records(path: Path) -> AsyncIterator[SqliteResponses]:
    opened = SqliteResponses(path, busy_timeout_s=0.2)
    yield opened
    await opened.aclose()


async def test_answers_survive_the_process_and_are_shared(records: SqliteResponses, path: Path) -> None:
    """By the workers of one machine, and by the next start."""
    await records.put(RECORD)
    other = SqliteResponses(path)
    assert await other.get("t", "resp_a", 0.0) == RECORD
    await other.aclose()


async def test_writing_waits_for_no_disk(records: SqliteResponses) -> None:
    """WAL, synchronised at checkpoints: an answer lost in a power cut is only unknown."""
    names = ("journal_mode", "synchronous")
    modes = await records._run(lambda connection: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names])
    assert modes == ["wal", 1]


async def test_purging_makes_no_file(records: SqliteResponses, path: Path) -> None:
    """Where nothing was ever issued."""
    assert await records.purge(0.0) == 0
    assert not there(path)


async def test_an_unreadable_row_is_unavailable(records: SqliteResponses, path: Path) -> None:
    """Not an unknown answer."""
    await records.put(RECORD)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE responses SET created_at = 'oops'")
    with pytest.raises(Unavailable, match="unreadable"):
        await records.get("t", "resp_a", 0.0)


async def test_a_locked_store_is_unavailable(records: SqliteResponses, path: Path) -> None:
    """After the busy time-out."""
    await records.put(RECORD)
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker, blocker:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await records.put(RECORD)
        blocker.execute("ROLLBACK")
    await records.put(RECORD)
