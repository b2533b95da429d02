"""Gathering, flushing, dropping."""

import asyncio
import threading

from proxy.telemetry.logbuffer import FLUSH_BYTES, LogBuffer
from tests.support.eventually import eventually


class Taker:
    """A sink that takes up to `room` bytes, or is gone."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.gone = False
        self.closed = False
        self.writes: list[bytes] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes) -> int:
        if self.gone:
            raise BrokenPipeError
        taken = min(self.room, len(data))
        self.room -= taken
        if taken:
            self.writes.append(data[:taken])
        return taken

    def close(self) -> None:
        self.closed = True


def test_without_a_loop_lines_go_out_at_once() -> None:
    """At the start, and after the end."""
    taker = Taker()
    buffer = LogBuffer(taker)
    buffer.put(b"one\n")
    assert taker.data == b"one\n"
    buffer.close()
    assert taker.closed
    buffer.close()


async def test_lines_of_a_moment_are_one_write() -> None:
    """50 ms later at the latest."""
    taker = Taker()
    buffer = LogBuffer(taker, flush_s=0.01)
    buffer.attach(asyncio.get_running_loop())
    for n in range(10):
        buffer.put(b"%d\n" % n)
    assert taker.writes == []
    await eventually(lambda: bool(taker.writes))
    assert taker.writes == [b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"]
    buffer.put(b"more\n")
    await eventually(lambda: len(taker.writes) == 2)
    buffer.close()


async def test_many_bytes_do_not_wait() -> None:
    """64 KB are written at once."""
    taker = Taker()
    buffer = LogBuffer(taker, flush_s=60.0)
    buffer.attach(asyncio.get_running_loop())
    for _ in range(FLUSH_BYTES // 1000 + 1):
        buffer.put(b"x" * 999 + b"\n")
    assert len(taker.data) >= FLUSH_BYTES
    buffer.close()


async def test_detaching_writes_what_is_left() -> None:
    """The end of the loop loses nothing."""
    taker = Taker()
    buffer = LogBuffer(taker, flush_s=60.0)
    buffer.attach(asyncio.get_running_loop())
    buffer.put(b"last\n")
    buffer.detach()
    assert taker.data == b"last\n"
    buffer.close()


async def test_another_thread_s_lines_get_out() -> None:
    """Without touching the loop's timer."""
    taker = Taker()
    buffer = LogBuffer(taker, flush_s=60.0)
    buffer.attach(asyncio.get_running_loop())
    thread = threading.Thread(target=lambda: buffer.put(b"thread\n"))
    thread.start()
    thread.join()
    assert taker.data == b"thread\n"
    buffer.close()


async def test_the_oldest_lines_are_dropped_and_counted() -> None:
    """When nobody reads; the newest get through as soon as somebody does, and no line is cut."""
    taker = Taker(room=0)
    buffer = LogBuffer(taker, flush_s=0.005, max_bytes=1000)
    buffer.attach(asyncio.get_running_loop())
    for n in range(300):
        buffer.put(b"%09d\n" % n)
        if n % 50 == 0:
            await asyncio.sleep(0.01)
    await eventually(lambda: buffer.dropped >= 200)
    taker.room = 1 << 30
    await eventually(lambda: taker.data.endswith(b"%09d\n" % 299))
    lines = taker.data.splitlines()
    assert [int(line) for line in lines] == list(range(300 - len(lines), 300))
    assert buffer.dropped == 300 - len(lines)
    buffer.close()


async def test_a_flood_into_a_blocked_sink_is_bounded() -> None:
    """Also between two tries."""
    taker = Taker(room=0)
    buffer = LogBuffer(taker, flush_s=0.005, max_bytes=100_000)
    buffer.attach(asyncio.get_running_loop())
    for _ in range(5000):
        buffer.put(b"x" * 999 + b"\n")
    assert buffer.dropped >= 4800
    taker.room = 1 << 30
    buffer.close()
    assert len(taker.data) <= 100_000 + FLUSH_BYTES


def test_the_rest_of_a_cut_line_goes_first() -> None:
    """A line once begun is finished, whatever is dropped."""
    taker = Taker(room=3)
    buffer = LogBuffer(taker, max_bytes=8)
    buffer.put(b"abcdef\n")
    assert taker.data == b"abc"
    buffer.put(b"second\n")
    buffer.put(b"third\n")
    taker.room = 1 << 30
    buffer.flush()
    assert taker.data == b"abcdef\nthird\n"
    assert buffer.dropped == 1
    buffer.close()


def test_a_reader_that_is_gone_ends_the_writing() -> None:
    """Lines are counted as dropped; nothing raises."""
    taker = Taker()
    buffer = LogBuffer(taker)
    taker.gone = True
    buffer.put(b"one\n")
    buffer.put(b"two\n")
    assert buffer.dropped == 2
    buffer.close()


def test_closing_waits_a_moment_for_a_slow_reader() -> None:
    """And no longer."""
    taker = Taker(room=0)
    buffer = LogBuffer(taker)
    buffer.put(b"one\n")
    timer = threading.Timer(0.05, lambda: setattr(taker, "room", 100))
    timer.start()
    buffer.close()
    timer.join()
    assert taker.data == b"one\n"
    stuck = LogBuffer(Taker(room=0))
    stuck.put(b"one\n")
    stuck.close(timeout_s=0.05)
