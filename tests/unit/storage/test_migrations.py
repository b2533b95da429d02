"""Schema steps."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.storage.migrations import Migration, apply, current_version, split_statements, sqlite_migrations


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(tmp_path / "x.db", isolation_level=None, timeout=0.1)
    yield opened
    opened.close()


def test_the_shipped_steps_are_numbered_without_gaps() -> None:
    """From 1."""
    assert [step.version for step in sqlite_migrations()] == list(range(1, len(sqlite_migrations()) + 1))


def test_steps_are_applied_once(connection: sqlite3.Connection) -> None:
    """Each version is noted with its time."""
    newest = sqlite_migrations()[-1].version
    assert current_version(connection) == 0
    assert apply(connection, sqlite_migrations()) == newest
    assert apply(connection, sqlite_migrations()) == newest
    rows = connection.execute("SELECT version, applied_at FROM schema_version").fetchall()
    assert [row[0] for row in rows] == [step.version for step in sqlite_migrations()]
    assert rows[0][1].endswith("Z")


def test_only_missing_steps_are_applied(connection: sqlite3.Connection) -> None:
    """A store of the release before gets the rest."""
    one = Migration(1, "one", ("CREATE TABLE a (x)",))
    two = Migration(2, "two", ("CREATE TABLE b (x)",))
    assert apply(connection, [one]) == 1
    assert apply(connection, [one, two]) == 2
    connection.execute("SELECT x FROM b")


def test_a_failing_step_leaves_nothing_behind(connection: sqlite3.Connection) -> None:
    """All or nothing, so that it can be tried again."""
    bad = Migration(1, "bad", ("CREATE TABLE a (x)", "CREATE TABLE a (x)"))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        apply(connection, [bad])
    assert current_version(connection) == 0
    assert not connection.in_transaction
    apply(connection, [Migration(1, "good", ("CREATE TABLE a (x)",))])


def test_a_newer_store_is_left_alone(connection: sqlite3.Connection) -> None:
    """Its release only added things."""
    apply(connection, [Migration(7, "later", ("CREATE TABLE a (x)",))])
    assert apply(connection, [Migration(1, "one", ("CREATE TABLE a (x)",))]) == 7


def test_a_store_that_somebody_migrates_is_waited_for(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """Up to the busy time-out."""
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        apply(connection, sqlite_migrations())
    other.execute("ROLLBACK")
    other.close()


def test_scripts_split_at_whole_statements() -> None:
    """Comments go, triggers stay whole, a rest is a mistake."""
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM b;\nEND;"
    assert split_statements(f"-- why\nCREATE TABLE a (x);\n\n{trigger}\n") == ["CREATE TABLE a (x);", trigger]
    with pytest.raises(ValueError, match="unfinished"):
        split_statements("CREATE TABLE a (x)")
