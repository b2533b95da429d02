"""The three kinds of load against a small server in the same loop."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from benchmarks.load.__main__ import run_job
from benchmarks.load.jobs import Job, JobError, Target
from benchmarks.load.open import schedule

Handler = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[Target]:
    """Answers each request's body with the handler's bytes; closes the connection on empty ones."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                reply = await handler(body)
                if not reply:
                    break
                writer.write(reply)
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield Target(port=port, path="/", prefix="n=", suffix="", marker="ok")
    finally:
        listening.close()
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.01)


def reply(body: bytes, status: int = 200, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, more, len(body), body)


async def ok(body: bytes) -> bytes:
    return reply(b"ok")


async def test_closed_loop() -> None:
    """A closed loop sends exactly the asked number, all different, and times each."""
    seen: list[bytes] = []

    async def note(body: bytes) -> bytes:
        seen.append(body)
        return reply(b"ok")

    async with server(note) as target:
        (outcome,) = await run_job(Job("closed", (target,), requests=50, max_s=10, connections=4))
    assert (outcome.requests, outcome.failed, outcome.cut) == (50, 0, False)
    assert len(set(seen)) == 50
    assert 0 < outcome.latency["p50_us"] <= outcome.latency["p99_us"]


async def test_closed_loop_ends_by_time() -> None:
    """When its time is up a closed loop sends nothing more and waits for what is under way."""

    async def slow(body: bytes) -> bytes:
        await asyncio.sleep(0.02)
        return reply(b"ok")

    async with server(slow) as target:
        (outcome,) = await run_job(Job("closed", (target,), requests=1_000_000, max_s=0.1, connections=2))
    assert outcome.requests > 0
    assert (outcome.failed, outcome.cut) == (0, False)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(b"ok", 503), "status 503: ok"),
        (reply(b"no"), "the upstream's text is missing"),
        (reply(b"ok!"), "3 bytes instead of 2"),
        (b"rubbish\r\n\r\n", "not an HTTP/1.1 status line: b'rubbish"),
    ],
)
async def test_wrong_answers_do_not_count(answer: bytes, says: str) -> None:
    """An answer with another status, text or length is an error, and errors end a hopeless job."""

    async def wrong(body: bytes) -> bytes:
        return answer

    async with server(wrong) as target:
        target = Target(port=target.port, path="/", prefix="", suffix="", marker="ok", length=2)
        (outcome,) = await run_job(Job("closed", (target,), requests=3, max_s=10, connections=1))
    assert outcome.requests == 0
    assert next(iter(outcome.errors)).startswith(says[:40])


async def test_connection_close_is_followed() -> None:
    """A server that closes after each answer gets new connections, and nothing counts as an error."""

    async def closing(body: bytes) -> bytes:
        return reply(b"ok", more=b"Connection: close\r\n")

    async with server(closing) as target:
        (outcome,) = await run_job(Job("closed", (target,), requests=10, max_s=10, connections=2))
    assert (outcome.requests, outcome.failed) == (10, 0)


async def test_open_loop_takes_turns() -> None:
    """An open loop spreads its requests evenly over two targets and answers for each apart."""
    async with server(ok) as first, server(ok) as second:
        outcomes = await run_job(Job("open", (first, second), requests=40, max_s=10, connections=4, rate=400))
    assert [outcome.requests for outcome in outcomes] == [20, 20]
    assert not any(outcome.cut or outcome.failed for outcome in outcomes)


async def test_open_loop_counts_the_queue() -> None:
    """Latency counts from the intended send time: one connection to a slow server makes the later ones wait."""

    async def slow(body: bytes) -> bytes:
        await asyncio.sleep(0.01)
        return reply(b"ok")

    async with server(slow) as target:
        (outcome,) = await run_job(Job("open", (target,), requests=20, max_s=10, connections=1, rate=10_000))
    assert outcome.requests == 20
    assert outcome.latency["max_us"] >= 150_000


async def test_open_loop_survives_lost_connections() -> None:
    """A connection that dies costs its request and no other."""
    count = 0

    async def every_fifth(body: bytes) -> bytes:
        nonlocal count
        count += 1
        return b"" if count % 5 == 0 else reply(b"ok")

    async with server(every_fifth) as target:
        (outcome,) = await run_job(Job("open", (target,), requests=20, max_s=10, connections=1, rate=2000))
    assert outcome.requests == 16
    assert outcome.failed == 4


def test_schedule() -> None:
    """The schedule is deterministic, ascending, and has the asked rate."""
    due = schedule(10_000, 1000.0, 3)
    assert due == schedule(10_000, 1000.0, 3)
    assert due == sorted(due)
    assert 9e9 < due[-1] < 11e9


def sse(*texts: bytes) -> bytes:
    events = b"".join(b"data: %s\n\n" % text for text in texts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(events), events)


async def test_streams() -> None:
    """Stamped chunks are counted and timed, and a stream is whole with `[DONE]`."""

    async def stamped(body: bytes) -> bytes:
        return sse(*(b"@%016d" % (time.monotonic_ns() - 1_000_000) for _ in range(3)), b"[DONE]")

    async with server(stamped) as target:
        (outcome,) = await run_job(Job("stream", (target,), requests=5, max_s=10, ramp_s=0.01))
    assert (outcome.requests, outcome.chunks, outcome.failed) == (5, 15, 0)
    assert outcome.chunk_latency["p50_us"] >= 1000
    assert outcome.latency["p50_us"] > 0


@pytest.mark.parametrize(
    ("answer", "says"),
    [(sse(b"@0000000000000001"), "ended without"), (reply(b"no", 500), "status 500: no"), (b"junk\r\n\r\n", "not an HTTP/1.1")],
)
async def test_broken_streams(answer: bytes, says: str) -> None:
    """A stream without `[DONE]`, with another status or with no HTTP is an error."""
    sent = False

    async def once(body: bytes) -> bytes:
        nonlocal sent
        sent, before = True, sent
        return b"" if before else answer

    async with server(once) as target:
        job = Job("stream", (target,), requests=1, max_s=0.3)
        (outcome,) = await run_job(job)
    assert outcome.requests == 0
    assert outcome.cut or next(iter(outcome.errors)).startswith(says)


async def test_refuses_other_machines() -> None:
    """The generator itself refuses other machines' addresses."""
    with pytest.raises(JobError, match="loopback"):
        await run_job(Job("closed", (Target(host="192.0.2.1", port=80, path="/", prefix="", suffix=""),), requests=1, max_s=1))
