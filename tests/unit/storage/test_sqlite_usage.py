"""What is the SQLite ledger's own; the rest is in tests/contract/records."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.sqlite_usage import SqliteUsage
from proxy.storage.usage import UsageRecord


async def test_a_batch_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    """A record that the file refuses takes none of the others with it into it."""
    ledger = SqliteUsage(tmp_path / "r.db")
    await ledger.add([UsageRecord(id="0", at=0.0)])
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON usage_records WHEN new.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Unavailable):
        await ledger.add([UsageRecord(id="good", at=0.0), UsageRecord(id="bad", at=0.0)])
    assert await ledger.get("good") is None
    assert await ledger.add([UsageRecord(id="good", at=0.0)]) == 1
    await ledger.aclose()
    connection.close()


async def test_many_old_records_go(tmp_path: Path) -> None:
    """In steps, so that nobody waits long for the lock."""
    ledger = SqliteUsage(tmp_path / "r.db")
    await ledger.add([UsageRecord(id=str(n), at=1.0) for n in range(1203)])
    assert await ledger.purge(2.0) == 1203
    await ledger.aclose()


async def test_what_was_taken_is_on_the_disk(tmp_path: Path) -> None:
    """The spool lets go of it: WAL, each commit synchronised."""
    ledger = SqliteUsage(tmp_path / "r.db")
    assert await ledger.add([UsageRecord(id="a", at=0.0)]) == 1
    modes = await ledger._run(
        lambda connection: [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert modes == ["wal", 2]
    await ledger.aclose()


async def test_a_record_is_not_encoded_again(tmp_path: Path) -> None:
    """The body that is at hand is the one that is kept."""
    ledger = SqliteUsage(tmp_path / "r.db")
    body = '{"at":0.0,"id":"a"}'
    assert await ledger.add([UsageRecord(id="a", at=0.0), UsageRecord(id="b", at=0.0)], [body, body.replace("a", "b")]) == 2
    assert await ledger._run(lambda connection: connection.execute("SELECT body FROM usage_records WHERE id = 'a'").fetchone()) == (body,)
    await ledger.aclose()


async def test_deliveries_of_any_size_share_a_few_statements(tmp_path: Path) -> None:
    """SQLite keeps each prepared: a gateway whose deliveries are of every size must not grow by them. Every record is added once."""
    ledger = SqliteUsage(tmp_path / "r.db")
    statements: set[int] = set()
    await ledger._run(lambda connection: connection.set_trace_callback(lambda text: statements.add(text.count("('d"))))
    total = 0
    for size in (1, 2, 3, 63, 64, 65, 249, 250, 251, 500, 777):
        assert await ledger.add([UsageRecord(id=f"d{total + n}", at=0.0) for n in range(size)]) == size
        total += size
    assert statements - {0} == {250, 64, 16, 4, 1}
    assert len(await ledger.list(since=0.0, until=1.0, limit=10_000)) == total
    await ledger.aclose()
