"""Keep-alives, and the time to the first content."""

import asyncio
import time

import pytest
from starlette.types import Message

from proxy.core.context import RequestContext
from proxy.core.route import RouteInfo
from proxy.core.tasks import TaskSupervisor
from proxy.pipeline.respond import Responder
from proxy.pipeline.stream_clock import KeepAlive, content_within
from tests.support.eventually import eventually

PING = b": keep-alive\n\n"


class Stream:
    """A response and what has been written of it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.held: asyncio.Event | None = None
        self.out = Responder(RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0), self._send)
        self.tasks = TaskSupervisor()

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if self.held is not None:
            await self.held.wait()

    def keep_alive(self, after_s: float, ping: bytes = PING) -> KeepAlive:
        return KeepAlive(self.out, after_s, lambda: ping, self.tasks)

    @property
    def pings(self) -> int:
        return sum(m.get("body") == PING for m in self.sent)


async def test_silence_is_filled_once_each_period() -> None:
    """The first one commits the answer."""
    stream = Stream()
    clock = stream.keep_alive(0.02)
    await eventually(lambda: stream.pings >= 3)
    clock.stop()
    assert stream.sent[0]["status"] == 200
    assert stream.out.started


async def test_nothing_is_sent_while_content_flows() -> None:
    """The timer starts anew with each write."""
    stream = Stream()
    clock = stream.keep_alive(0.2)
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        await stream.out.write(b"x")
        await asyncio.sleep(0.01)
    clock.stop()
    assert stream.pings == 0


async def test_a_stopped_clock_is_silent() -> None:
    """It holds nothing that would fire later."""
    stream = Stream()
    stream.keep_alive(0.01).stop()
    await asyncio.sleep(0.03)
    assert stream.sent == []


async def test_a_dialect_without_keep_alives_gets_none() -> None:
    """And nothing commits its answer."""
    stream = Stream()
    clock = stream.keep_alive(0.01, b"")
    await asyncio.sleep(0.05)
    clock.stop()
    assert stream.sent == []


async def test_a_client_that_does_not_read_is_not_pinged() -> None:
    """A write that waits for it is silence enough."""
    stream = Stream()
    clock = stream.keep_alive(0.01)
    stream.held = asyncio.Event()
    writing = asyncio.ensure_future(stream.out.write(b"x"))
    await asyncio.sleep(0.05)
    assert stream.pings == 0
    stream.held.set()
    await writing
    await eventually(lambda: stream.pings >= 1)
    clock.stop()


@pytest.mark.parametrize("turns", range(4))
async def test_an_ended_answer_gets_no_ping_after_its_end(turns: int) -> None:
    """However many turns of the loop lie between the two: a server refuses anything after the last piece."""
    stream = Stream()
    clock = stream.keep_alive(0.01)
    await stream.out.write(b"x")
    time.sleep(0.03)  # noqa: ASYNC251 - the timer becomes due while this task has the loop
    for _ in range(turns):
        await asyncio.sleep(0)
    await stream.out.end(b"end")
    await eventually(lambda: not len(stream.tasks))
    clock.stop()
    assert stream.sent[-1]["body"] == b"end"


async def test_content_in_time_is_left_alone() -> None:
    """The task is not cancelled later either."""
    with content_within(0.02, time.monotonic()):
        await asyncio.sleep(0)
    await asyncio.sleep(0.04)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_content_too_late_is_a_timeout() -> None:
    """Counted from when the call was sent, not from when the waiting began."""
    began = time.monotonic()
    with pytest.raises(TimeoutError), content_within(0.1, began - 0.08):
        await asyncio.sleep(10)
    assert time.monotonic() - began < 0.09
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_anybody_elses_cancellation_stays_one() -> None:
    """The client that left is not a timeout."""

    async def wait() -> None:
        with content_within(10, time.monotonic()):
            await asyncio.sleep(10)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_limit_there_is_none() -> None:
    """None: unbounded."""
    with content_within(None, 0.0):
        await asyncio.sleep(0)
