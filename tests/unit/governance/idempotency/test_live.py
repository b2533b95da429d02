"""Reading along with an answer."""

import asyncio
from time import monotonic

import pytest

from proxy.core.errors import BadRequest
from proxy.governance.idempotency.live import LeadersError, Live
from proxy.storage.hot.idempotency import Answer

HEAD = Answer(status=200, headers=(), body=b"", stream=True, asked="m", provider="p", model="m")


async def read(live: Live) -> bytes:
    assert await live.begun(monotonic() + 5)
    shown: list[bytes] = []
    while pieces := await live.after(len(shown)):
        shown += pieces
    return b"".join(shown)


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


async def test_who_comes_too_late_to_a_large_one_does_not_get_it() -> None:
    """Over the limit it is let go, unless somebody reads along."""
    live = Live(b"f", 2)
    live.begin(HEAD)
    live.add(b"abc")
    late = asyncio.ensure_future(live.begun(monotonic() + 5))
    await asyncio.sleep(0)
    live.end(complete=True)
    assert (await late, live.fits, live.pieces) == (False, False, [])
    read_along = Live(b"f", 2)
    read_along.readers = 1
    read_along.begin(HEAD)
    read_along.add(b"abc")
    read_along.end(complete=True)
    assert await read(read_along) == b"abc"


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
