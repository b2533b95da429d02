"""Purges by what answers have in common."""

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.marks import Kind, PurgeMarks
from proxy.cache.memory import MemoryCache
from proxy.cache.tiered import TieredCache
from proxy.core.clock import SystemClock

KEY = bytes(range(32))
ENTRY = CacheEntry(
    dialect="openai_chat", kind="json", body=b"{}", response_id="", model="m", provider="p", stored_at=100.0, asked="smart", tenant="t",
    tags=("eu", "beta"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value", "hidden"),
    [
        ("key", KEY.hex(), True),
        ("model", "smart", True),
        ("model", "p/m", True),
        ("tenant", "t", True),
        ("tag", "beta", True),
        ("key", "00", False),
        ("model", "m", False),
        ("tenant", "u", False),
        ("tag", "alpha", False),
    ],
)
def test_a_mark_hides_what_it_names(kind: Kind, value: str, hidden: bool) -> None:
    """By its key, the model asked for or served, its tenant, one of its tags."""
    marks = PurgeMarks()
    marks.mark(kind, value, 100.0)
    assert marks.hides(KEY, ENTRY) is hidden


def test_what_is_stored_later_is_not_hidden() -> None:
    """And an older mark does not undo a newer one."""
    marks = PurgeMarks()
    marks.learn("model:smart", 99.0)
    assert not marks.hides(KEY, ENTRY)
    marks.learn("model:smart", 150.0)
    marks.learn("model:smart", 50.0)
    assert marks.hides(KEY, ENTRY)


def test_marks_are_told_and_go_in_the_end() -> None:
    """Those made here, once; what can hide nothing any more is dropped."""
    told: list[tuple[str, float]] = []
    marks = PurgeMarks(keep_s=10)
    marks.on_mark = lambda field, at: told.append((field, at))
    marks.mark("tag", "a", 100.0)
    marks.learn("tag:b", 105.0)
    marks.mark("tag", "c", 111.0)
    assert told == [("tag:a", 100.0), ("tag:c", 111.0)]
    assert set(marks.marks) == {"tag:b", "tag:c"}


def test_a_hidden_answer_is_a_miss() -> None:
    """In the cache as the pipeline sees it."""
    cache = TieredCache(SystemClock(), l1=MemoryCache(SystemClock()))
    cache.put(KEY, ENTRY)
    assert cache.peek(KEY) == ENTRY
    cache.marks.mark("tenant", "t", 200.0)
    assert cache.peek(KEY) is None
