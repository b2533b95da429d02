"""Reading along with an answer."""

import asyncio
from time import monotonic

import pytest

from proxy.core.errors import BadRequest, StreamTruncated
from proxy.governance.idempotency.live import LeadersError, Live, Reader
from proxy.storage.hot.idempotency import Answer

HEAD = Answer(status=200, headers=(), body=b"", stream=True, asked="m", provider="p", model="m")


async def read(live: Live) -> bytes:
    assert await live.begun(monotonic() + 5)
    return await rest(live.join())


async def rest(reader: Reader) -> bytes:
    shown = b""
    while pieces := await reader.next():
        shown += b"".join(pieces)
    return shown


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_readers_get_all_of_it_whenever_they_come() -> None:
    """Before it begins, in the midst, after its end."""
    live = Live(b"f", 100)
    early = asyncio.ensure_future(read(live))
    await asyncio.sleep(0)
    live.begin(HEAD)
    live.add(b"a")
    await asyncio.sleep(0)
    midst = asyncio.ensure_future(read(live))
    await asyncio.sleep(0)
    live.add(b"b")
    live.end(complete=True)
    assert [await early, await midst, await read(live)] == [b"ab"] * 3


async def test_one_that_grows_large_is_closed_and_lets_go_of_what_all_have() -> None:
    """Nobody else can read it from its beginning then."""
    live = Live(b"f", 2, kept=4)
    live.begin(HEAD)
    reader = live.join()
    live.add(b"abcd")
    await live.room()
    assert (live.closed, live.fits(), live.pieces) == (False, False, [b"abcd"])
    assert await reader.next() == [b"abcd"]
    live.add(b"ef")
    await live.room()
    assert (live.closed, live.pieces) == (True, [b"ef"])
    live.end(complete=True)
    assert await rest(reader) == b"ef"


async def test_the_fastest_sets_the_pace_and_one_that_is_too_slow_falls_out() -> None:
    """What makes the answer waits for one reader, not for all."""
    live = Live(b"f", 2, kept=4)
    live.begin(HEAD)
    fast, slow = live.join(), live.join()
    live.add(b"abcdef")
    waiting = asyncio.ensure_future(live.room())
    await turns()
    assert not waiting.done()
    assert await fast.next() == [b"abcdef"]
    await turns()
    assert waiting.done()
    with pytest.raises(StreamTruncated):
        await slow.next()
    slow.leave()
    fast.leave()


async def test_without_readers_nothing_is_waited_for() -> None:
    """All have left, one while it was waited for."""
    live = Live(b"f", 2, kept=4)
    reader = live.join()
    live.add(b"abcdef")
    waiting = asyncio.ensure_future(live.room())
    await turns()
    reader.leave()
    await turns()
    assert (waiting.done(), live.pieces) == (True, [])


async def test_a_failure_is_everybodys_and_nothing_is_nobodys() -> None:
    """Its status and words; a request that vanished leaves the next one to run."""
    live = Live(b"f", 2)
    live.end(error=BadRequest("no", param="x"))
    with pytest.raises(LeadersError) as raised:
        await live.begun(monotonic() + 5)
    assert (raised.value.info().status, raised.value.info().param, raised.value.code) == (400, "x", "invalid_request")
    gone = Live(b"f", 2)
    gone.end()
    assert not await gone.begun(monotonic() + 5)


async def test_waiting_ends() -> None:
    """At its time."""
    with pytest.raises(TimeoutError):
        await Live(b"f", 2).begun(monotonic() + 0.01)
