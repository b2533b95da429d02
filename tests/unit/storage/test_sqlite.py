"""The SQLite file: who may read it, what it does when it is in trouble."""

import asyncio
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.records import KeyRecord
from proxy.storage.sqlite import SqliteRecords


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "records.db"


@pytest.fixture
async def records(path: Path) -> AsyncIterator[SqliteRecords]:
    opened = SqliteRecords(path, busy_timeout_s=0.2)
    yield opened
    await opened.aclose()


def made(path: Path) -> bool:
    return path.exists()


def replace_bytes(path: Path, data: bytes) -> bytes:
    """In place, as a failing disk would; what was there."""
    before = path.read_bytes()
    path.write_bytes(data)
    return before


def record(key_id: str = "lek_a") -> KeyRecord:
    return KeyRecord(key_id=key_id, tenant="t", key_hash="0" * 64, created_at=1_800_000_000.0)


async def test_only_the_owner_may_read_the_file(records: SqliteRecords, path: Path) -> None:
    """Whatever the umask; SQLite's own side files too."""
    before = os.umask(0)
    try:
        await records.create(record())
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"records.db": 0o600, "records.db-wal": 0o600, "records.db-shm": 0o600}


async def test_records_survive_the_process(path: Path) -> None:
    """A second object reads what the first wrote."""
    first = SqliteRecords(path)
    await first.create(record())
    await first.aclose()
    second = SqliteRecords(path)
    assert await second.get("lek_a") == record()
    await second.aclose()


async def test_two_objects_share_a_file(records: SqliteRecords, path: Path) -> None:
    """The command line writes while a gateway runs."""
    await records.create(record())
    other = SqliteRecords(path)
    await other.set_status("lek_a", "revoked")
    await other.aclose()
    found = await records.get("lek_a")
    assert found is not None
    assert found.status == "revoked"


async def test_many_can_open_a_new_store_at_once(path: Path) -> None:
    """One migrates, the others wait and find it done."""
    stores = [SqliteRecords(path) for _ in range(6)]
    await asyncio.gather(*(store.create(record(f"lek_{n}")) for n, store in enumerate(stores)))
    assert len(await stores[0].list()) == 6
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_a_locked_store_can_be_read_but_not_written(records: SqliteRecords, path: Path) -> None:
    """Writers get 503 after the busy time-out, and succeed when the lock is gone."""
    await records.create(record())
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker, blocker:
        blocker.execute("BEGIN IMMEDIATE")
        assert await records.get("lek_a") == record()
        with pytest.raises(Unavailable, match="locked"):
            await records.ping()
        with pytest.raises(Unavailable, match="locked"):
            await records.touch({"lek_a": 1_800_000_001.0})
        blocker.execute("ROLLBACK")
    await records.ping()
    assert await records.set_status("lek_a", "revoked")


async def test_the_event_loop_goes_on_while_the_disk_is_waited_for(records: SqliteRecords, path: Path) -> None:
    """A writer that waits for a lock stalls nobody else."""
    await records.ping()
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker, blocker:
        blocker.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(records.ping())
        began = time.monotonic()
        await asyncio.sleep(0)
        assert time.monotonic() - began < 0.15
        with pytest.raises(Unavailable):
            await waiting
        blocker.execute("ROLLBACK")


async def test_a_corrupt_file_is_unavailable_and_heals(records: SqliteRecords, path: Path) -> None:
    """A restored backup is taken up without a restart."""
    await records.create(record())
    await records.aclose()
    good = replace_bytes(path, b"no database" * 1000)
    again = SqliteRecords(path)
    with pytest.raises(Unavailable, match="not a database"):
        await again.get("lek_a")
    replace_bytes(path, good)
    assert await again.get("lek_a") == record()
    await again.aclose()


async def test_a_vanished_file_is_unavailable_and_not_made_anew(records: SqliteRecords, path: Path) -> None:
    """An empty store would turn every key into a 401."""
    await records.create(record())
    hidden = path.parent.with_name("hidden")
    path.parent.rename(hidden)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await records.get("lek_a")
    assert not made(path)
    hidden.rename(path.parent)
    assert await records.get("lek_a") == record()


async def test_a_replaced_file_is_noticed(records: SqliteRecords, path: Path, tmp_path: Path) -> None:
    """The open connection would go on reading the removed one."""
    await records.create(record("lek_old"))
    other = SqliteRecords(tmp_path / "other.db")
    await other.create(record("lek_new"))
    await other.aclose()
    for file in path.parent.iterdir():
        file.unlink()
    shutil.move(tmp_path / "other.db", path)
    assert [item.key_id for item in await records.list()] == ["lek_new"]


async def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """A file stands where a folder should."""
    (tmp_path / "file").write_text("")
    store = SqliteRecords(tmp_path / "file" / "records.db")
    with pytest.raises(Unavailable):
        await store.get("lek_a")
    await store.aclose()


async def test_a_directory_in_its_place_is_unavailable(tmp_path: Path) -> None:
    """SQLite can't open it."""
    store = SqliteRecords(tmp_path)
    with pytest.raises(Unavailable, match="unable to open"):
        await store.get("lek_a")
    await store.aclose()


async def test_an_unreadable_row_is_unavailable(records: SqliteRecords, path: Path) -> None:
    """Not an unknown key."""
    await records.create(record())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE keys SET scopes = 'oops'")
    with pytest.raises(Unavailable, match="unreadable"):
        await records.get("lek_a")


async def test_columns_of_a_newer_release_do_no_harm(records: SqliteRecords, path: Path) -> None:
    """A rolling upgrade mixes both; its version stays."""
    await records.create(record())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE keys ADD COLUMN team TEXT")
        connection.execute("INSERT INTO schema_version VALUES (99, '2030-01-01T00:00:00.000Z')")
    again = SqliteRecords(path)
    assert await again.get("lek_a") == record()
    await again.create(record("lek_b"))
    await again.aclose()


async def test_revocations_are_on_disk_when_they_return(records: SqliteRecords) -> None:
    """WAL with full synchronisation."""
    await records.ping()
    names = ("journal_mode", "synchronous")
    modes = await records._run(lambda connection: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names])
    assert modes == ["wal", 2]
