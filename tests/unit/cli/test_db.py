"""`llm-edge db`."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.cli.main import main
from proxy.storage.migrations import postgres_migrations
from tests.support.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_KEY_SIGNING_SECRET", "s" * 32)
    monkeypatch.delenv("LLM_EDGE_CONFIG", raising=False)


def test_postgres_is_upgraded(server: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A look says what is missing by its exit code; passwords are not shown."""
    monkeypatch.setenv("DATABASE_URL", server.database().replace("postgres@", "postgres:secret@"))
    assert main(["db", "upgrade", "--check"]) == 1
    assert "needs schema 1" in capsys.readouterr().out
    assert main(["db", "upgrade"]) == 0
    assert "made schema 1" in capsys.readouterr().out
    assert main(["db", "upgrade", "--check", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["before"] == str(postgres_migrations()[-1].version)
    assert json.loads(out)["missing"] == []
    assert "secret" not in out


def test_keys_are_made_in_it(server: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And before it is upgraded, that is said."""
    monkeypatch.setenv("DATABASE_URL", server.database())
    assert main(["keys", "create", "--role", "admin"]) == 1
    assert "llm-edge db upgrade" in capsys.readouterr().err
    main(["db", "upgrade"])
    capsys.readouterr()
    assert main(["keys", "create", "--role", "admin", "--name", "ops"]) == 0
    assert main(["keys", "list"]) == 0
    assert "ops" in capsys.readouterr().out


def test_a_lost_server_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And exit code 1."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/x")
    assert main(["db", "upgrade"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_sqlite_does_it_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command is the same for everybody's scripts."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:///r.db")
    assert main(["db", "upgrade", "--check"]) == 0
    assert main(["db", "upgrade"]) == 0
    assert "up to date" in capsys.readouterr().out
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (0,)
    connection.close()


def test_memory_is_nothing_to_upgrade(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage."""
    monkeypatch.setenv("DATABASE_URL", "memory://")
    assert main(["db", "upgrade"]) == 2
    assert "in memory" in capsys.readouterr().err
