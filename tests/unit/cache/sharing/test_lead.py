"""What is published of a call, and when."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import KEPT_BYTES, Flight
from proxy.cache.sharing import wire
from proxy.cache.sharing.lead import AHEAD_BYTES, INTEREST_S, PIECE_BYTES, TRIES, Lead
from proxy.core.errors import BadGateway
from proxy.core.tasks import TaskSupervisor
from tests.support.clock import FakeClock
from tests.support.fake_hot import FakeHot, FakeRedis

pytestmark = pytest.mark.allow_tasks("the fixture ends the publishing")

ENTRY = CacheEntry(dialect="d", kind="json", body=b"{}", response_id="r", model="m", provider="p", stored_at=1.0)


class Led:
    def __init__(self) -> None:
        self.redis = FakeRedis(FakeClock())
        self.hot = FakeHot(self.redis)
        self.flight = Flight(provider="p", model="m")
        self.tasks = TaskSupervisor()
        self.over = 0
        self.lead = Lead(b"k", "a.1", self.flight, self.hot, "stream", self._over, 0.0)

    def _over(self, _lead: Lead) -> None:
        self.over += 1

    async def want(self, follower: str = "b", fetched: int = 0, now: float = 0.0) -> None:
        self.lead.want(follower, fetched, now, self.tasks)
        await self.settle()

    async def publish(self, frame: bytes) -> None:
        self.flight.publish(frame)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def pieces(self) -> list[wire.Piece]:
        return wire.decode_pieces(self.redis.run("XRANGE", "stream", "1", "+", "COUNT", 1000))


def readers(led: Led) -> int:
    """Of the flight."""
    return len(led.flight._readers)


@pytest.fixture
async def led() -> AsyncIterator[Led]:
    """Its call is another's to make."""
    made = Led()
    yield made
    await made.tasks.close()


async def test_who_wants_it_gets_all_of_it_in_few_pieces(led: Led) -> None:
    """What was there before goes in one, with the target; then each as it comes."""
    for frame in (b"a", b"b"):
        led.flight.publish(frame)
    assert not led.pieces
    await led.want()
    await led.publish(b"c")
    led.flight.land(None, b"t")
    await led.settle()
    assert [piece.frames for piece in led.pieces] == [b"ab", b"c", b""]
    assert [piece.head for piece in led.pieces] == [wire.Head("p", "m"), None, None]
    assert led.pieces[2].end == wire.End(framed=True, tail=b"t")
    assert (led.over, led.lead.told, led.lead.publishing) == (1, True, False)


async def test_a_piece_is_bounded(led: Led) -> None:
    """A long beginning takes several."""
    for _ in range(4):
        led.flight.publish(bytes(PIECE_BYTES // 2))
    await led.want()
    assert [len(piece.frames) for piece in led.pieces] == [PIECE_BYTES, PIECE_BYTES]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda f: f.land(ENTRY), wire.End(entry=ENTRY.encode())),
        (lambda f: f.land(None), wire.End(handover=True)),
        (lambda f: f.fail(BadGateway("no")), wire.End(error=BadGateway("no").info())),
        (lambda f: f.fail(BadGateway("no"), handover=True), wire.End(handover=True)),
    ],
)
async def test_an_end_without_frames(led: Led, end: Any, expected: wire.End) -> None:
    """Whole answers go in it; one that is too large for the memory is everybody's own."""
    await led.want()
    end(led.flight)
    await led.settle()
    assert [piece.end for piece in led.pieces] == [expected]


async def test_a_whole_answer_over_the_bound_is_handed_over(led: Led) -> None:
    """Redis is spared it."""
    await led.want()
    led.flight.land(CacheEntry(**{**{f: getattr(ENTRY, f) for f in ENTRY.__struct_fields__}, "body": bytes(KEPT_BYTES + 1)}))
    await led.settle()
    assert [piece.end for piece in led.pieces] == [wire.End(handover=True)]


async def test_a_stream_keeps_its_last_bytes(led: Led) -> None:
    """At most as many as a flight."""
    await led.want()
    for n in range(40):
        await led.publish(bytes(PIECE_BYTES))
        led.lead.want("b", n + 1, 0.0, led.tasks)
        await led.settle()
    assert KEPT_BYTES - 2 * PIECE_BYTES < sum(len(piece.frames) for piece in led.pieces) <= KEPT_BYTES
    assert led.pieces[-1].number == 40


async def test_who_takes_most_sets_the_pace(led: Led) -> None:
    """No more than so much is published ahead of it."""
    await led.want("slow")
    await led.want("fast")
    for _ in range(AHEAD_BYTES // PIECE_BYTES + 3):
        await led.publish(bytes(PIECE_BYTES))
    published = AHEAD_BYTES // PIECE_BYTES  # the fields' names make it a little more
    assert led.lead.published == published
    await led.want("slow", 0)
    assert led.lead.published == published
    await led.want("fast", 1)
    assert led.lead.published == published + 1
    await led.want("fast", -5)
    assert led.lead.published == published + 1
    await led.want("fast", 10**9)  # no more than there is
    assert led.lead.published == AHEAD_BYTES // PIECE_BYTES + 3


async def test_the_last_to_leave_stops_it(led: Led) -> None:
    """Its reader leaves the flight at once, also one that has not begun to read."""
    await led.want("b")
    await led.want("c")
    led.lead.leave("b")
    assert readers(led) == 1
    led.lead.want("d", 0, 1.0, led.tasks)
    led.lead.leave("c")
    led.lead.leave("d")
    led.lead.leave("d")
    assert readers(led) == 0
    led.lead.want("e", 0, 1.0, led.tasks)
    led.lead.leave("e")
    await led.settle()
    assert (readers(led), led.lead.publishing, led.over) == (0, False, 0)


async def test_who_says_nothing_is_gone(led: Led) -> None:
    """After a while."""
    await led.want("b", now=0.0)
    await led.want("c", now=INTEREST_S / 2)
    led.lead.expire(INTEREST_S + 0.01)
    assert readers(led) == 1
    led.lead.expire(INTEREST_S * 1.5 + 0.01)
    assert readers(led) == 0


async def test_a_beginning_that_is_gone_hands_over(led: Led) -> None:
    """To whoever asks: the lease goes back, and the next one leads."""
    for _ in range(KEPT_BYTES // PIECE_BYTES + 1):
        led.flight.publish(bytes(PIECE_BYTES))
    await led.want()
    assert [piece.end for piece in led.pieces] == [wire.End(handover=True)]
    assert led.over == 1


async def test_a_stream_that_has_broken_off_is_nobodys_beginning(led: Led) -> None:
    """Who comes when it is over gets nothing of it."""
    led.flight.publish(b"ab")
    led.flight.fail(BadGateway("broken"))
    await led.want()
    await led.settle()
    assert [(piece.frames, piece.end) for piece in led.pieces] == [(b"", wire.End(handover=True))]


async def test_a_process_that_shuts_down_says_so(led: Led) -> None:
    """Its followers have lost it, whatever they have taken."""
    await led.want()
    await led.publish(b"a")
    led.flight.leaving = True
    led.flight.fail(BadGateway("down"))
    await led.settle()
    assert led.pieces[-1].end == wire.End(error=BadGateway("down").info(), lost=True)


@pytest.mark.parametrize("lost", [1, TRIES])
async def test_writes_are_tried_a_few_times(led: Led, lost: int) -> None:
    """Until one is answered; else sharing ends."""
    left = iter(range(lost))
    led.hot.silent = lambda name: name == "PUBLISH" and next(left, None) is not None
    await led.want()
    led.flight.publish(b"a")
    await asyncio.sleep(0.08 * lost)
    await led.settle()
    assert [piece.frames for piece in led.pieces] == [b"a"]
    assert led.over == (lost == TRIES)


async def test_a_number_that_was_taken_by_somebody_else_is_a_refusal(led: Led) -> None:
    """Not taken for an answer that was lost."""
    led.redis.set("stream", {1: [b"f", b"x"]})
    await led.want()
    await led.publish(b"a")
    assert (led.over, led.lead.told) == (1, False)


async def test_a_redis_that_is_gone_is_not_tried_again(led: Led) -> None:
    """At once."""
    await led.want()
    led.hot.up = False
    await led.publish(b"a")
    assert led.over == 1
