"""Single flight: one call, several readers."""

import asyncio
from collections.abc import Callable

import pytest

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import AHEAD_BYTES, KEPT_BYTES, Flight, Flights, HandedOver
from proxy.core.errors import BadGateway, StreamTruncated


def entry(body: bytes = b"{}") -> CacheEntry:
    return CacheEntry(dialect="openai_chat", kind="json", body=body, response_id="x", model="m", provider="p", stored_at=0.0)


async def read_all(flight: Flight) -> list[bytes]:
    reader = flight.join()
    frames = []
    while (frame := await reader.next()) is not None:
        frames.append(frame)
    reader.leave()
    return frames


async def test_a_late_reader_sees_everything_from_the_start() -> None:
    """Followers join mid-stream and miss nothing."""
    flight = Flight()
    flight.publish(b"a")
    late = asyncio.ensure_future(read_all(flight))
    await asyncio.sleep(0)
    flight.publish(b"b")
    await asyncio.sleep(0)
    flight.publish(b"c")
    flight.land(None)
    assert await late == [b"a", b"b", b"c"]


async def test_whole_answers_reach_every_waiting_reader() -> None:
    """A non-streaming leader lands once for all."""
    flight = Flight()
    readers = [flight.join() for _ in range(3)]
    waiting = [asyncio.ensure_future(r.outcome()) for r in readers]
    await asyncio.sleep(0)
    landed = entry()
    flight.land(landed)
    assert [(await w).entry for w in waiting] == [landed] * 3


async def test_an_error_reaches_every_reader() -> None:
    """The leader's final error is the followers', too."""
    flight = Flight()
    reader = flight.join()
    flight.fail(BadGateway("no"))
    with pytest.raises(BadGateway):
        await reader.next()


async def test_a_leader_gone_before_content_hands_over() -> None:
    """Readers that have shown nothing look again."""
    flight = Flight()
    reader = flight.join()
    flight.fail(BadGateway("gone"), handover=True)
    with pytest.raises(HandedOver):
        await reader.next()


async def test_after_content_there_is_no_handing_over() -> None:
    """No text is ever mixed from two calls."""
    flight = Flight()
    flight.publish(b"text")
    reader = flight.join()
    assert await reader.next() == b"text"
    flight.fail(BadGateway("gone"), handover=True)
    with pytest.raises(BadGateway):
        await reader.next()


async def test_a_slow_reader_falls_out() -> None:
    """Only `KEPT_BYTES` are kept; who is further behind gets an error, the others go on."""
    flight = Flight()
    slow, fast = flight.join(), flight.join()
    block = bytes(1024 * 1024)
    for _ in range(KEPT_BYTES // len(block) + 1):
        flight.publish(block)
        assert await fast.next() == block
    assert not flight.joinable
    with pytest.raises(StreamTruncated):
        await slow.next()
    assert flight.body() is None


async def test_the_fastest_reader_sets_the_pace() -> None:
    """The pump waits while nobody is within `AHEAD_BYTES`, and goes on when one is."""
    flight = Flight()
    reader = flight.join()
    flight.publish(bytes(AHEAD_BYTES + 1))
    waiting = asyncio.ensure_future(flight.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    await reader.next()
    await waiting


async def test_the_last_reader_to_leave_abandons_the_call() -> None:
    """Nobody reads: whoever reads the upstream is told."""
    flight = Flight()
    told = []
    flight.on_abandoned = lambda: told.append(True)
    one, two = flight.join(), flight.join()
    one.leave()
    assert not told
    two.leave()
    assert told


async def test_the_first_reader_starts_the_sharing() -> None:
    """Once, when the first follower joins."""
    flight = Flight()
    told = []
    flight.on_shared = lambda: told.append(True)
    flight.join()
    flight.join()
    assert told == [True]


@pytest.mark.parametrize("end", [lambda f: f.land(None), lambda f: f.fail(BadGateway("broken"))])
async def test_who_joins_a_call_that_has_ended_starts_nothing(end: Callable[[Flight], None]) -> None:
    """There is nothing more to read: a reader that began now would take the end of a broken stream for a whole one."""
    flight = Flight()
    told = []
    flight.on_shared = lambda: told.append(True)
    flight.publish(b"ab")
    end(flight)
    flight.join()
    assert not told


async def test_flights_are_found_until_they_end() -> None:
    """By key, while they can still be joined."""
    flights = Flights()
    flight = flights.lead(b"k")
    assert flights.find(b"k") is flight
    flights.end(b"k", Flight())
    assert flights.find(b"k") is flight
    flights.end(b"k", flight)
    assert flights.find(b"k") is None
    assert len(flights) == 0


async def test_the_leader_joins_its_own_flight_where_it_stands() -> None:
    """It has shown the first frames itself."""
    flight = Flight()
    flight.publish(b"a")
    flight.publish(b"b")
    reader = flight.reader_at(1, 1)
    assert await reader.next() == b"b"
