"""What one process finds out, told to the others."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.health import QUOTA, HealthBook
from proxy.routing.sharing import CLOSED_S, GATHER_S, LEAST_S, ROUNDED_S, News, Sharing, decode, encode, left_s
from tests.support.clock import FakeClock

UNIX = 1_800_000_000.0


class Pinboard:
    """A board that remembers, and tells its watcher when asked to."""

    def __init__(self) -> None:
        self.fields: dict[str, tuple[bytes, float]] = {}
        self.callback: Callable[[str, bytes | None], None] | None = None

    def put(self, field: str, value: bytes, ttl_s: float) -> None:
        self.fields[field] = value, ttl_s

    def put_longer(self, field: str, value: bytes, ttl_s: float) -> bool:
        self.fields[field] = value, ttl_s
        return True

    def drop(self, field: str) -> None:
        raise NotImplementedError

    def get(self, field: str) -> bytes | None:
        raise NotImplementedError

    def items(self, prefix: str) -> dict[str, bytes]:
        raise NotImplementedError

    def watch(self, prefix: str, callback: Callable[[str, bytes | None], None]) -> Callable[[], None]:
        assert prefix == "health:"
        self.callback = callback
        return self._unwatch

    def on_gap(self, callback: Callable[[], None]) -> Callable[[], None]:
        raise NotImplementedError

    def _unwatch(self) -> None:
        self.callback = None


class Process:
    """A book, its clock, and what it shares."""

    def __init__(self, board: Pinboard | None = None) -> None:
        self.board = board or Pinboard()
        self.clock = FakeClock()
        self.book = HealthBook()
        self.sharing = Sharing(self.book, self.board, self.clock)
        self.sharing.open()

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def hear(self, other: "Process") -> None:
        for field, (value, _) in other.board.fields.items():
            self.sharing.heard(field, value)


@pytest.mark.parametrize(
    "news", [News(at=1.5), News(at=2.0, for_s=3.0, why="x"), News(at=1.0, closed=True)], ids=["least", "rest", "closing"]
)
def test_news_survive_the_way(news: News) -> None:
    """There and back."""
    assert decode(encode(news)) == news


@pytest.mark.parametrize("value", [b"", b"{}", b"[1]", b'{"at":"x"}', b"\xff"])
def test_what_is_no_news_is_none(value: bytes) -> None:
    """A later version's, or somebody else's."""
    assert decode(value) is None


def test_fields_that_a_later_version_adds_are_passed_over() -> None:
    """A rolling upgrade mixes both."""
    assert decode(b'{"at":5,"for_s":2,"more":[1]}') == News(at=5.0, for_s=2.0)


@given(st.floats(-100, 100), st.floats(0, 1000))
@settings(derandomize=True, deadline=None)
def test_no_clock_lengthens_a_rest(skew_s: float, for_s: float) -> None:
    """However wrong the reader's is."""
    left = left_s(News(at=UNIX + for_s, for_s=for_s), UNIX + skew_s)
    assert 0.0 <= left <= for_s
    if skew_s <= 0:
        assert left == pytest.approx(for_s)


async def test_an_opening_and_its_closing_are_told_at_once() -> None:
    """And do the same there."""
    one, two = Process(), Process()
    stats = one.book.stats("p/a:b/c")
    for _ in range(5):
        one.book.ended(stats, one.now, "failed")
    assert one.board.fields["health:breaker:p/a:b/c"][1] == 30.0
    two.hear(one)
    there = two.book.stats("p/a:b/c")
    assert there.barred(two.now) == "breaker open"
    assert there.breaker.until == pytest.approx(two.now + 30.0, abs=0.01)
    assert two.board.fields == {}
    one.clock.advance(31.0)
    two.clock.advance(31.0)
    for _ in range(2):
        one.book.ended(stats, one.now, "ok", ticket=one.book.started(stats, one.now))
    assert one.board.fields["health:breaker:p/a:b/c"][1] == CLOSED_S
    two.hear(one)
    assert there.breaker.state == "closed"


async def test_an_older_closing_does_not_end_a_newer_opening() -> None:
    """It was of the time before."""
    two = Process()
    stats = two.book.stats("p/m")
    two.book.heard_open(stats, two.now + 30.0, two.now)
    two.sharing.heard("health:breaker:p/m", encode(News(at=two.clock.time() - 5.0, closed=True)))
    assert stats.barred(two.now) == "breaker open"
    two.clock.advance(1.0)
    two.sharing.heard("health:breaker:p/m", encode(News(at=two.clock.time(), closed=True)))
    assert stats.breaker.state == "closed"


async def test_rests_are_gathered() -> None:
    """Of many lengthenings the last goes out, after `GATHER_S`."""
    one, two = Process(), Process()
    stats = one.book.stats("p/m")
    for n in range(10):
        one.book.cool(stats, one.now + 20.0 + n, one.now)
    one.book.away(stats, one.now + 50.0, QUOTA, one.now)
    one.book.rest_key("p/m", "0123", one.now + 40.0, one.now)
    assert one.board.fields == {}
    await asyncio.sleep(GATHER_S * 2)
    assert set(one.board.fields) == {"health:cool:p/m", "health:away:p/m", "health:key:0123:p/m"}
    two.hear(one)
    there = two.book.stats("p/m")
    assert there.cool_until == pytest.approx(two.now + 29.0, abs=0.01)
    assert there.away_until == pytest.approx(two.now + 50.0, abs=0.01)
    assert there.away_why == QUOTA
    assert two.book.key_rests("p/m")[0].until("0123", two.now) == pytest.approx(two.now + 40.0, abs=0.01)
    await asyncio.sleep(GATHER_S * 2)
    assert two.board.fields == {}


async def test_ones_own_news_change_nothing() -> None:
    """They come back from the board; nothing is told a second time."""
    one = Process()
    stats = one.book.stats("p/m")
    one.book.cool(stats, one.now + 20.0, one.now)
    for _ in range(5):
        one.book.ended(stats, one.now, "failed")
    await asyncio.sleep(GATHER_S * 2)
    before, fields = (stats.cool_until, stats.breaker.until), dict(one.board.fields)
    one.board.fields.clear()
    for field, (value, _) in fields.items():
        one.sharing.heard(field, value)
    await asyncio.sleep(GATHER_S * 2)
    assert (stats.cool_until, stats.breaker.until) == before
    assert one.board.fields == {}


async def test_what_is_soon_over_is_not_told() -> None:
    """It would be over when the others hear of it."""
    one = Process()
    stats = one.book.stats("p/m")
    one.book.cool(stats, one.now + LEAST_S / 2, one.now)
    await asyncio.sleep(GATHER_S * 2)
    one.book.cool(stats, one.now + 1.0, one.now)
    one.clock.advance(2.0)
    await asyncio.sleep(GATHER_S * 2)
    assert one.board.fields == {}


async def test_a_breaker_without_a_wait_is_not_told() -> None:
    """`open_s: 0`: it is over at once."""
    one = Process()
    stats = one.book.stats("p/m")
    stats.breaker.open_until(one.now, one.now)
    one.sharing.breaker_changed(stats, one.now, ours=True)
    assert one.board.fields == {}


async def test_names_that_are_too_long_stay_at_home() -> None:
    """The board has no room for them, and nobody is hurt."""
    one = Process()
    stats = one.book.stats("p/" + "x" * 600)
    one.book.cool(stats, one.now + 20.0, one.now)
    for _ in range(5):
        one.book.ended(stats, one.now, "failed")
    await asyncio.sleep(GATHER_S * 2)
    assert one.board.fields == {}


async def test_what_says_nothing_changes_nothing() -> None:
    """Gone fields, nonsense, unknown kinds, what is over, and closings of what nobody knows."""
    two = Process()
    unix = two.clock.time()
    told = {
        "health:cool:p/m": None,
        "health:cool:p/n": b"nonsense",
        "health:other:p/m": encode(News(at=unix + 9.0, for_s=9.0)),
        "health:cool:": encode(News(at=unix + 9.0, for_s=9.0)),
        "health:breaker:p/m": encode(News(at=unix - 1.0, for_s=9.0)),
        "health:breaker:p/o": encode(News(at=unix, closed=True)),
        "health:cool:p/x": encode(News(at=unix, closed=True)),
        "health:away:p/y": encode(News(at=unix + ROUNDED_S / 2, for_s=9.0)),
    }
    for field, value in told.items():
        two.sharing.heard(field, value)
    assert list(two.book.all()) == []


async def test_closing_tells_what_is_gathered() -> None:
    """And ends the watching."""
    one = Process()
    one.book.cool(one.book.stats("p/m"), one.now + 20.0, one.now)
    await one.sharing.close()
    assert set(one.board.fields) == {"health:cool:p/m"}
    assert one.board.callback is None
    assert one.book.listeners == []
    await Process().sharing.close()
