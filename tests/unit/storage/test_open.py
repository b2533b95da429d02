"""The record store that a URL names."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.open import back_end, open_overlays, open_plans, open_records, open_responses, sqlite_path
from proxy.storage.overlays_memory import MemoryOverlays
from proxy.storage.records_memory import MemoryRecords
from proxy.storage.responses_memory import MemoryResponses
from proxy.storage.sqlite_overlays import SqliteOverlays
from proxy.storage.sqlite_responses import SqliteResponses


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///llm-edge.db", Path("llm-edge.db")),
        ("sqlite:////var/lib/x.db", Path("/var/lib/x.db")),
        ("sqlite+pysqlite:///a%20b.db", Path("a b.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("memory://", None),
        ("postgres://h/x", None),
    ],
)
def test_sqlite_urls_name_a_file(url: str, path: Path | None) -> None:
    """Three slashes relative, four absolute."""
    assert sqlite_path(url) == path


@pytest.mark.parametrize("url", ["memory://", "sqlite://", "sqlite:///:memory:"])
def test_memory_urls_keep_nothing(url: str) -> None:
    """Also in SQLite's own spelling."""
    assert isinstance(open_records(url), MemoryRecords)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgres://h/x", "postgres"),
        ("postgresql+psycopg://h/x", "postgres"),
        ("DynamoDB://eu-west-1", "dynamodb"),
        ("sqlite:///x", "sqlite"),
    ],
)
def test_back_ends_by_scheme(url: str, kind: str) -> None:
    """Whatever driver other programs want in it."""
    assert back_end(url) == kind


OPENERS: list[Callable[[str], object]] = [open_records, open_plans, open_responses, open_overlays]


@pytest.mark.parametrize("opener", OPENERS)
def test_any_other_is_unavailable(opener: Callable[[str], object]) -> None:
    """503 that says what to use; never an empty store."""
    with pytest.raises(Unavailable, match="no mysql records"):
        opener("mysql://h/x")


@pytest.mark.parametrize(
    ("url", "driver", "extra"), [("postgresql://h/x", "psycopg", "postgres"), ("dynamodb://r", "botocore", "dynamodb")]
)
@pytest.mark.parametrize("opener", OPENERS)
def test_a_driver_that_is_missing_is_named(
    opener: Callable[[str], object], url: str, driver: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    for name in [name for name in sys.modules if name.startswith(("proxy.storage.postgres", "proxy.storage.dynamodb"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in [driver, *(name for name in sys.modules if name.startswith(f"{driver}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Unavailable, match=f"pip install 'llm-edge.{extra}.'"):
        opener(url)


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/x", "dynamodb://eu-west-1"])
async def test_stores_of_one_url_share_their_connections(url: str) -> None:
    """What `open_records` gave is told to the others."""
    records: Any = open_records(url)
    others: list[Any] = [opener(url, records) for opener in (open_plans, open_responses, open_overlays)]
    shared = "_pool" if url.startswith("postgresql") else "_client"
    assert {id(getattr(store, shared)) for store in (records, *others)} == {id(getattr(records, shared))}
    assert getattr(records, shared).users == 4
    for store in (records, *others):
        await store.aclose()


def test_overlays_are_where_the_records_are(tmp_path: Path) -> None:
    """In memory, or in the same file."""
    assert isinstance(open_overlays("memory://"), MemoryOverlays)
    overlays = open_overlays(f"sqlite:///{tmp_path}/a.db", open_records(f"sqlite:///{tmp_path}/a.db"))
    assert isinstance(overlays, SqliteOverlays)
    assert overlays.path == tmp_path / "a.db"


def test_answers_are_where_the_records_are(tmp_path: Path) -> None:
    """In memory, or in the same file."""
    assert isinstance(open_responses("memory://"), MemoryResponses)
    answers = open_responses(f"sqlite:///{tmp_path}/a.db", open_records(f"sqlite:///{tmp_path}/a.db"))
    assert isinstance(answers, SqliteResponses)
    assert answers.path == tmp_path / "a.db"
