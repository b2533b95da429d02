"""What the stores over one SQLite file share; their own tests are in test_sqlite.py and test_sqlite_responses.py."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.records import KeyRecord
from proxy.storage.sqlite import SqliteRecords
from proxy.storage.sqlite_file import to_wal
from proxy.storage.sqlite_responses import SqliteResponses

KEY = KeyRecord(key_id="lek_a", tenant="t", key_hash="0" * 64, created_at=1_800_000_000.0)


def there(path: Path) -> bool:
    return path.exists()


def vanish(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


async def test_two_stores_share_a_file(tmp_path: Path) -> None:
    """Whichever comes first makes it."""
    for first in (0, 1):
        path = tmp_path / f"{first}.db"
        keys = SqliteRecords(path)
        answers = SqliteResponses(path, beside=keys)
        if first == 0:
            await keys.create(KEY)
        assert await answers.get("t", "resp_a", 0.0) is None
        assert await keys.get("lek_a") == (KEY if first == 0 else None)
        await keys.aclose()
        await answers.aclose()


async def test_a_file_that_the_other_store_has_seen_is_not_made_anew(tmp_path: Path) -> None:
    """Keys would turn into 401s otherwise."""
    path = tmp_path / "records.db"
    keys = SqliteRecords(path)
    answers = SqliteResponses(path, beside=keys)
    await keys.create(KEY)
    vanish(tmp_path)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await answers.get("t", "resp_a", 0.0)
    assert not there(path)
    await keys.aclose()
    await answers.aclose()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Reads a file that is not in WAL mode yet."""
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM t").fetchall()
        yield connection


def test_others_that_open_a_new_file_are_waited_for(reader: sqlite3.Connection, tmp_path: Path) -> None:
    """Though SQLite refuses without waiting."""
    tries: list[str] = []

    def ended_with_the_third(statement: str) -> None:
        tries.append(statement)
        if len(tries) == 3:
            reader.execute("COMMIT")

    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None, timeout=0)) as connection:
        connection.set_trace_callback(ended_with_the_third)
        to_wal(connection, 30.0)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.usefixtures("reader")
def test_they_are_not_waited_for_without_end(tmp_path: Path) -> None:
    """The busy time-out counts for them too."""
    with (
        closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None, timeout=0)) as connection,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        to_wal(connection, 0.02)
