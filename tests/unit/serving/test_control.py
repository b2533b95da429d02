"""Calls over the channel."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.serving.control import MAX_FRAME, CallFailed, Channel
from tests.support.eventually import eventually


async def upper(op: str, data: bytes) -> bytes:
    if op == "slow":
        await asyncio.sleep(3600)
    if op == "fail":
        raise CallFailed("no such thing")
    return op.encode() + b":" + data.upper()


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Channel, Channel]]:
    tasks = TaskSupervisor()
    a, b = socket.socketpair()
    ends = Channel(a, upper), Channel(b, upper)
    for n, end in enumerate(ends):
        tasks.start(end.run(await end.open()), name=f"end{n}")
    try:
        yield ends
    finally:
        for end in ends:
            await end.close()
        await tasks.close(grace_s=5.0)


async def test_calls_both_ways() -> None:
    """Also at the same time, and with large data."""
    async with pair() as (a, b):
        big = b"x" * 3_000_000
        answers = await asyncio.gather(a.call("one", b"a"), b.call("two", b"b"), a.call("big", big))
        assert list(answers) == [b"one:A", b"two:B", b"big:" + big.upper()]


async def test_a_refusal_reaches_the_caller() -> None:
    """With its words."""
    async with pair() as (a, _):
        with pytest.raises(CallFailed, match="no such thing"):
            await a.call("fail")


async def test_no_answer_in_time() -> None:
    """The caller does not wait for ever."""
    async with pair() as (a, _):
        with pytest.raises(CallFailed, match=r"no answer to slow in 0\.05 s"):
            await a.call("slow", timeout_s=0.05)


async def test_the_other_side_goes_away() -> None:
    """Open calls fail, later ones too, notes are dropped."""
    async with pair() as (a, b):
        call = asyncio.ensure_future(a.call("slow"))
        await asyncio.sleep(0)
        await b.close()
        with pytest.raises(CallFailed, match="gone"):
            await call
        with pytest.raises(CallFailed, match="gone"):
            await a.call("one")
        a.note("one")


async def test_before_the_channel_is_open() -> None:
    """Notes are dropped: a drain may come while a worker is being started."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours, upper)
    channel.note("drain")
    await channel.open()
    with theirs:
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
    await channel.close()


async def test_a_failing_note_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for its answer."""
    async with pair() as (a, _):
        a.note("fail")
        await eventually(lambda: "control message failed" in caplog.text)


@pytest.mark.parametrize("junk", [(MAX_FRAME + 1).to_bytes(4, "big"), (3).to_bytes(4, "big") + b"\xc1\xc1\xc1"])
async def test_junk_ends_the_channel(junk: bytes) -> None:
    """There is no way to find the next frame."""
    a, b = socket.socketpair()
    channel = Channel(a, upper)
    reader = await channel.open()
    with b:
        b.sendall(junk)
        async with asyncio.timeout(10):
            await channel.run(reader)


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    """Its number is no longer known."""
    a, b = socket.socketpair()
    release = asyncio.Event()

    async def late(op: str, data: bytes) -> bytes:
        await release.wait()
        return b"late"

    tasks = TaskSupervisor()
    caller, answerer = Channel(a, upper), Channel(b, late)
    for n, end in enumerate((caller, answerer)):
        tasks.start(end.run(await end.open()), name=f"end{n}")
    with pytest.raises(CallFailed):
        await caller.call("x", timeout_s=0.01)
    release.set()
    with pytest.raises(CallFailed):
        await caller.call("y", timeout_s=0.0)
    await asyncio.sleep(0.05)
    await caller.close()
    await answerer.close()
    await tasks.close(grace_s=5.0)


async def test_closing_twice() -> None:
    """Is once."""
    a, b = socket.socketpair()
    channel = Channel(a, upper)
    await channel.close()
    await channel.close()
    a.close()
    b.close()
