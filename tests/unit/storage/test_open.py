"""The record store that a URL names."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from proxy.core.errors import Unavailable
from proxy.storage.open import AbsentOverlays, AbsentRecords, AbsentResponses, open_overlays, open_records, open_responses, sqlite_path
from proxy.storage.overlays import EMPTY
from proxy.storage.overlays_memory import MemoryOverlays
from proxy.storage.records import KeyRecord, KeyRecords
from proxy.storage.records_memory import MemoryRecords
from proxy.storage.responses import ResponseRecord, ResponseRecords
from proxy.storage.responses_memory import MemoryResponses
from proxy.storage.sqlite_overlays import SqliteOverlays
from proxy.storage.sqlite_responses import SqliteResponses

RECORD = KeyRecord(key_id="lek_a", tenant="t", key_hash="0", created_at=1.0)


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


CALLS: dict[str, Callable[[KeyRecords], Awaitable[object]]] = {
    "create": lambda records: records.create(RECORD),
    "create_first": lambda records: records.create_first(RECORD),
    "get": lambda records: records.get("lek_a"),
    "list": lambda records: records.list(),
    "set_status": lambda records: records.set_status("lek_a", "revoked"),
    "by_hash": lambda records: records.by_hash("0" * 64),
    "replace": lambda records: records.replace(RECORD, 1),
    "touch": lambda records: records.touch({"lek_a": 1.0}),
    "meta": lambda records: records.meta("x"),
    "meta_once": lambda records: records.meta_once("x", "y"),
    "ping": lambda records: records.ping(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_back_end_without_an_adapter_is_unavailable(call: Callable[[KeyRecords], Awaitable[object]]) -> None:
    """503 that says what to use; never an empty answer."""
    records = open_records("postgresql+psycopg://h/x")
    assert isinstance(records, AbsentRecords)
    with pytest.raises(Unavailable, match="no adapter for postgresql records"):
        await call(records)
    await records.aclose()


ANSWER = ResponseRecord(
    response_id="r", tenant="t", key_id="k", asked="m", provider="p", model="m", at_provider=True, created_at=1.0, expires_at=2.0
)
ANSWER_CALLS: dict[str, Callable[[ResponseRecords], Awaitable[object]]] = {
    "put": lambda answers: answers.put(ANSWER),
    "get": lambda answers: answers.get("t", "r", 0.0),
    "delete": lambda answers: answers.delete("t", "r"),
}


@pytest.mark.parametrize("call", ANSWER_CALLS.values(), ids=ANSWER_CALLS)
async def test_answers_without_an_adapter_are_unavailable(call: Callable[[ResponseRecords], Awaitable[object]]) -> None:
    """As keys are; there is nothing to purge."""
    answers = open_responses("postgresql://h/x")
    assert isinstance(answers, AbsentResponses)
    with pytest.raises(Unavailable, match="no adapter for postgresql records"):
        await call(answers)
    assert await answers.purge(0.0) == 0
    await answers.aclose()


async def test_overlays_without_an_adapter() -> None:
    """There are none, and none can be made."""
    overlays = open_overlays("postgresql://h/x")
    assert isinstance(overlays, AbsentOverlays)
    assert await overlays.version() == 0
    assert await overlays.load() == EMPTY
    with pytest.raises(Unavailable, match="no adapter for postgresql records"):
        await overlays.replace(EMPTY, 0)
    await overlays.aclose()


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
