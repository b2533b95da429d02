"""LocalBoard: what is known, who is told and when; and what the board refuses."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.storage.hot.board import MAX_VALUE_BYTES, LocalBoard
from tests.support.clock import FakeClock
from tests.support.eventually import eventually

Told = list[tuple[str, bytes | None]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def board(clock: FakeClock) -> AsyncIterator[LocalBoard]:
    made = LocalBoard(clock)
    await made.open()
    yield made
    await made.close()


def watched(board: LocalBoard, prefix: str = "") -> Told:
    told: Told = []
    board.watch(prefix, lambda field, value: told.append((field, value)))
    return told


async def tick() -> None:
    await asyncio.sleep(0)


async def test_what_is_put_is_there_until_its_time_is_over(board: LocalBoard, clock: FakeClock) -> None:
    """To the moment."""
    board.put("a", b"1", 10)
    clock.advance(9.9)
    assert board.get("a") == b"1"
    clock.advance(0.1)
    assert board.get("a") is None
    assert board.get("b") is None


async def test_the_last_write_wins(board: LocalBoard, clock: FakeClock) -> None:
    """With its own lifetime, though it be shorter."""
    board.put("a", b"1", 10)
    board.put("a", b"2", 1)
    assert board.get("a") == b"2"
    clock.advance(1)
    assert board.get("a") is None


async def test_a_lengthening_write_only_lengthens(board: LocalBoard, clock: FakeClock) -> None:
    """What lasts longer, or as long, stays; a plain write may shorten."""
    assert board.put_longer("a", b"1", 10)
    assert not board.put_longer("a", b"2", 10)
    assert not board.put_longer("a", b"3", 5)
    assert board.get("a") == b"1"
    assert board.put_longer("a", b"4", 20)
    board.put("a", b"5", 2)
    assert board.get("a") == b"5"
    assert board.put_longer("a", b"6", 3)
    clock.advance(2.5)
    assert board.get("a") == b"6"


async def test_a_dropped_field_is_gone(board: LocalBoard) -> None:
    """Dropping what is not there is nothing; it may be put again at once."""
    board.put("a", b"1", 10)
    board.drop("a")
    board.drop("b")
    assert board.items("") == {}
    assert board.put_longer("a", b"2", 1)
    assert board.get("a") == b"2"


async def test_items_are_those_of_a_prefix(board: LocalBoard, clock: FakeClock) -> None:
    """Living ones only."""
    board.put("health:a", b"1", 10)
    board.put("health:b", b"2", 1)
    board.put("config:a", b"3", 10)
    clock.advance(1)
    assert board.items("health:") == {"health:a": b"1"}
    assert board.items("") == {"health:a": b"1", "config:a": b"3"}


async def test_watchers_are_told_in_order_and_never_from_within_put(board: LocalBoard) -> None:
    """Even a callback that writes: its own write is told after what was there before."""
    told = watched(board, "a")

    def answering(field: str, value: bytes | None) -> None:
        if value == b"1":
            board.put("a:answer", b"yes", 10)

    board.watch("a:x", answering)
    board.put("a:x", b"1", 10)
    board.put("b:x", b"1", 10)
    board.put("a:x", b"2", 10)
    board.drop("a:x")
    assert told == []
    await tick()
    await tick()
    assert told == [("a:x", b"1"), ("a:x", b"2"), ("a:x", None), ("a:answer", b"yes")]


async def test_a_late_watcher_is_told_what_is_there(board: LocalBoard) -> None:
    """First."""
    board.put("a", b"1", 10)
    board.put("gone", b"1", 10)
    board.drop("gone")
    told = watched(board)
    board.put("b", b"2", 10)
    await tick()
    assert told == [("a", b"1"), ("b", b"2")]


async def test_only_changes_are_told(board: LocalBoard) -> None:
    """The same value with a new lifetime is none, nor is dropping what is not there."""
    told = watched(board)
    board.put("a", b"1", 10)
    board.put("a", b"1", 20)
    board.drop("b")
    await tick()
    assert told == [("a", b"1")]


async def test_the_end_of_a_lifetime_is_told(board: LocalBoard, clock: FakeClock) -> None:
    """Without anybody asking, the earlier one first, whatever the order of writing."""
    told = watched(board)
    board.put("long", b"1", 0.06)
    board.put("short", b"1", 0.03)
    await tick()
    del told[:]
    clock.advance(0.03)
    await eventually(lambda: told == [("short", None)])
    clock.advance(0.03)
    await eventually(lambda: told == [("short", None), ("long", None)])


async def test_a_lengthened_field_is_not_told_to_have_ended(board: LocalBoard, clock: FakeClock) -> None:
    """Its first timer finds nothing."""
    told = watched(board)
    board.put_longer("a", b"1", 0.01)
    board.put_longer("a", b"1", 10)
    clock.advance(0.01)
    await asyncio.sleep(0.05)
    assert told == [("a", b"1")]
    assert board.get("a") == b"1"


async def test_nothing_is_told_after_the_end_of_a_watch(board: LocalBoard) -> None:
    """Not even what had happened before."""
    told: Told = []
    stop = board.watch("", lambda field, value: told.append((field, value)))
    board.put("a", b"1", 10)
    stop()
    stop()
    await tick()
    assert told == []


async def test_a_callback_that_raises_stops_nobody(board: LocalBoard) -> None:
    """The loop reports it; other watchers and later changes are told."""
    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(type(context["exception"]).__name__))

    def bad(field: str, value: bytes | None) -> None:
        raise LookupError(field)

    board.watch("", bad)
    told = watched(board)
    board.put("a", b"1", 10)
    board.put("a", b"2", 10)
    await tick()
    assert told == [("a", b"1"), ("a", b"2")]
    assert reported == ["LookupError", "LookupError"]


async def test_dead_entries_do_not_stay(board: LocalBoard, clock: FakeClock) -> None:
    """A thousand fields that came and went leave nothing behind once nobody could bring them back."""
    for number in range(1000):
        board.put(f"{number}", b"1", 0.01)
    board.drop("other")
    clock.advance(61)
    await eventually(lambda: not board._entries and not board._told)


@pytest.mark.parametrize(
    ("field", "value", "ttl_s"),
    [("", b"", 1), ("@", b"", 1), ("é" * 257, b"", 1), ("a", b"x" * (MAX_VALUE_BYTES + 1), 1), ("a", b"", 0), ("a", b"", float("nan"))],
)
async def test_what_the_board_refuses(board: LocalBoard, field: str, value: bytes, ttl_s: float) -> None:
    """A wrong name, too large a value, no lifetime: ValueError, and nothing is written."""
    with pytest.raises(ValueError, match="board"):
        board.put(field, value, ttl_s)
    with pytest.raises(ValueError, match="board"):
        board.put_longer(field, value, ttl_s)
    assert board.items("") == {}


async def test_nobody_else_writes_here_so_nothing_is_missed(board: LocalBoard) -> None:
    """Gaps are for those who share; whoever waits for one can stop."""
    gaps: list[int] = []
    end = board.on_gap(lambda: gaps.append(1))
    board.put("a", b"1", 5)
    board.drop("a")
    await tick()
    assert gaps == []
    end()
    board._gap()
    await tick()
    assert gaps == []
