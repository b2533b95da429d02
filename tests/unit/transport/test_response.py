"""The two sides of a fed answer, without a connection."""

import asyncio

import pytest

from proxy.transport.base import ResponseTooLarge, TransportError
from proxy.transport.response import HIGH_WATER_BYTES, FedResponse


class Feeder:
    """The connection's side, noting what the reader asks of it."""

    def __init__(self, limit: int = 1000) -> None:
        self.resumed = 0
        self.aborted = 0
        self.response = FedResponse(self, 200, [(b"a", b"1"), (b"a", b"2")], True, limit)

    def resume(self) -> None:
        self.resumed += 1

    def abort(self) -> None:
        self.aborted += 1

    def push(self, piece: bytes) -> bool:
        self.response.chunks.append(piece)
        self.response.buffered += len(piece)
        return self.response.arrived()


async def test_whole_body_needs_no_wait() -> None:
    """`read` of a body that is in returns without giving up the thread: it can be driven without a loop."""
    feeder = Feeder()
    feeder.push(b"body")
    feeder.response.end()
    with pytest.raises(StopIteration) as stopped:
        feeder.response.read().send(None)
    assert stopped.value.value == b"body"


async def test_pieces_that_piled_up_come_as_one() -> None:
    """next_chunk gives all that arrived since the last call, as one piece, and asks for more."""
    feeder = Feeder()
    feeder.push(b"a")
    feeder.push(b"b")
    assert await feeder.response.next_chunk() == b"ab"
    assert (feeder.resumed, feeder.response.buffered) == (1, 0)


async def test_high_water() -> None:
    """Over the mark the feeder is told to stop; a reader of the whole takes any amount."""
    feeder = Feeder(limit=10 * HIGH_WATER_BYTES)
    assert not feeder.push(bytes(HIGH_WATER_BYTES))
    assert feeder.push(b"x")
    reading = asyncio.create_task(feeder.response.read())
    await asyncio.sleep(0)
    assert not feeder.push(bytes(HIGH_WATER_BYTES))
    feeder.response.end()
    assert len(await reading) == 2 * HIGH_WATER_BYTES + 1


async def test_cap_is_noticed_on_arrival() -> None:
    """A body read whole is given up as soon as it passes the cap, not at its end."""
    feeder = Feeder(limit=10)
    reading = asyncio.create_task(feeder.response.read())
    await asyncio.sleep(0)
    feeder.push(bytes(11))
    with pytest.raises(ResponseTooLarge):
        await reading
    assert feeder.aborted == 1


async def test_cap_holds_for_what_came_before_reading() -> None:
    """Nor does it matter whether the reader was there in time."""
    feeder = Feeder(limit=10)
    feeder.push(bytes(11))
    feeder.response.end()
    with pytest.raises(ResponseTooLarge):
        await feeder.response.read()


async def test_first_end_decides() -> None:
    """A late failure does not spoil a body that ended."""
    feeder = Feeder()
    feeder.push(b"body")
    feeder.response.end()
    feeder.response.end(TransportError("late", phase="body", sent=True))
    assert feeder.response.finished
    assert await feeder.response.read() == b"body"


async def test_cancelled_reader_closes() -> None:
    """Cancelling a read aborts the connection, once."""
    feeder = Feeder()
    reading = asyncio.create_task(feeder.response.next_chunk())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    feeder.response.close()
    assert feeder.aborted == 1
    feeder.push(b"late")


async def test_header() -> None:
    """The first value of a name, or None."""
    response = Feeder().response
    assert (response.header(b"a"), response.header(b"b")) == (b"1", None)


async def test_a_relay_hands_over_on_arrival() -> None:
    """What is there at once, what comes when it comes, until the sink has enough; then `next_chunk` goes on."""
    feeder = Feeder()
    feeder.push(b"a")
    taken: list[bytes] = []

    def sink(piece: bytes) -> bool:
        taken.append(piece)
        return len(taken) < 3

    relay = asyncio.ensure_future(feeder.response.relay(sink))
    await asyncio.sleep(0)
    assert taken == [b"a"]
    feeder.push(b"b")
    assert taken == [b"a", b"b"]
    feeder.push(b"c")
    feeder.push(b"d")
    await relay
    assert taken == [b"a", b"b", b"c"]
    assert await feeder.response.next_chunk() == b"d"


async def test_a_relay_ends_with_the_body_and_when_told() -> None:
    """A failure is left for `next_chunk` to tell."""
    feeder = Feeder()
    relay = asyncio.ensure_future(feeder.response.relay(lambda _: True))
    await asyncio.sleep(0)
    feeder.response.stop_relay()
    await relay
    relay = asyncio.ensure_future(feeder.response.relay(lambda _: True))
    await asyncio.sleep(0)
    feeder.response.end(TransportError("gone", phase="body", sent=True))
    await relay
    with pytest.raises(TransportError, match="gone"):
        await feeder.response.next_chunk()


async def test_whole_is_what_read_would_give_without_waiting() -> None:
    """None before the end, after a failure and over the cap: then `read` says what is wrong."""
    feeder = Feeder(limit=4)
    feeder.push(b"bo")
    assert feeder.response.whole() is None
    feeder.push(b"dy")
    feeder.response.end()
    assert feeder.response.whole() == b"body"
    large = Feeder(limit=3)
    large.push(b"body")
    large.response.end()
    assert large.response.whole() is None
    with pytest.raises(ResponseTooLarge):
        await large.response.read()
