"""The scripted set and the load client, on real sockets: what is scripted happens, is logged, and is seen."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from benchmarks.faults.client import Asked, Client, Door, Load
from benchmarks.faults.latencies import Fixed
from benchmarks.faults.reading import Verdict
from benchmarks.faults.script import Act, Malformed, Member, Quota, Reset, Rule, Stall, Truncated, WrongType, server_error, throttled
from benchmarks.faults.upstream import UpstreamSet

QUICK = Load(requests=4, rate=400.0, stream_share=0.5, seed=1, limit_s=5.0)


@pytest.fixture
async def up() -> AsyncIterator[UpstreamSet]:
    async with UpstreamSet(2) as running:
        yield running


async def asked(up: UpstreamSet, load: Load = QUICK, seat: int = 0) -> list[Asked]:
    return await Client(Door(up.ports[seat]), load).run()


async def exchange(port: int, request: bytes) -> bytes:
    """All that comes until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_whole_answers_and_streams(up: UpstreamSet) -> None:
    """Each is ok, has one call on the wire that was completed, and its content is later than its call."""
    up.play([Member(name="a", latency=Fixed(0.005), interval_s=0.001)], seed=1)
    found = await asked(up)
    assert {one.verdict for one in found} == {"ok"}
    assert {one.stream for one in found} == {True, False}
    assert len(up.log.calls) == 4
    for one in found:
        (call,) = up.log.of(one.request)
        assert (call.member, call.stream, call.status, call.act, call.completed, call.left) == ("a", one.stream, 200, "answer", True, False)
        assert one.due_ns <= call.began_ns <= call.first_ns <= one.first_ns <= one.ended_ns


@pytest.mark.parametrize(
    ("act", "whole", "streamed"),
    [
        (server_error(), "refused", "refused"),
        (throttled(1), "refused", "refused"),
        (Reset(), "cut", "cut"),
        (Reset(inside=True), "cut", "cut"),
        (Stall(seconds=0.02), "cut", "cut"),
        (Stall(inside=True, seconds=0.02), "cut", "cut"),
        (Truncated(), "cut", "cut"),
        (Truncated(inside=True), "cut", "cut"),
        (Malformed(), "garbled", "garbled"),
        (Malformed(inside=True), "garbled", "garbled"),
        (WrongType(), "garbled", "garbled"),
    ],
)
async def test_each_fault(up: UpstreamSet, act: Act, whole: Verdict, streamed: Verdict) -> None:
    """A client without a gateway sees it, once a request; no such call counts as completed, and content only where it is inside."""
    up.play([Member(name="a", rules=(Rule(act=act, latency=Fixed(0)),), interval_s=0.001)], seed=1)
    found = await asked(up)
    assert {one.verdict for one in found if one.stream} == {streamed}
    assert {one.verdict for one in found if not one.stream} == {whole}
    assert [call.completed for call in up.log.calls] == [False] * 4
    assert {call.act for call in up.log.calls} == {act.__struct_config__.tag}
    inside = getattr(act, "inside", False)
    began = {one.first_ns > 0 for one in found if one.stream}
    assert began == {inside or isinstance(act, Malformed)}  # broken JSON is followed by the rest


async def test_a_client_that_leaves_is_noted(up: UpstreamSet) -> None:
    """What the caller gives up has not been completed, and the log says who ended it."""
    up.play([Member(name="a", rules=(Rule(act=Stall()),))], seed=1)
    found = await asked(up, Load(requests=2, rate=400.0, limit_s=0.05))
    assert {one.verdict for one in found} == {"no end"}
    async with asyncio.timeout(5):
        while not all(call.ended_ns for call in up.log.calls):
            await asyncio.sleep(0.005)
    assert [call.left for call in up.log.calls] == [True, True]


async def test_nobody_listens(up: UpstreamSet) -> None:
    """A member that refuses is at a port of its own where connections are refused."""
    up.play([Member(name="a"), Member(name="b", refuses=True)], seed=1)
    assert up.url("b") == f"http://127.0.0.1:{up.dead_port}/v1"
    assert up.url("a") == f"http://127.0.0.1:{up.ports[0]}/v1"
    with pytest.raises(ConnectionRefusedError):
        await exchange(up.dead_port, b"")


async def test_members_have_scripts_of_their_own(up: UpstreamSet) -> None:
    """And one log; playing anew begins at the first call with an empty one."""
    members = [Member(name="a", rules=(Rule(act=server_error(), last_call=1),)), Member(name="b")]
    for _ in range(2):
        up.play(members, seed=1)
        first, second = await asked(up), await asked(up, seat=1)
        assert [one.verdict for one in first].count("refused") == 1
        assert {one.verdict for one in second} == {"ok"}
        assert (len(up.log.at("a")), len(up.log.at("b"))) == (4, 4)
        assert [call.number for call in up.log.calls] == list(range(1, 9))


async def test_quota_headers(up: UpstreamSet) -> None:
    """They go with answers and refusals."""
    up.play([Member(name="a", quota=Quota(1, 60.0, retry_after=True))], seed=1)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "[ask r1]"}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", up.ports[0])
    told = []
    for _ in range(2):
        writer.write(head + body)
        told.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(told[-1].lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()
    await writer.wait_closed()
    assert b"x-ratelimit-remaining-requests: 0" in told[0]
    assert told[1].startswith(b"HTTP/1.1 429")
    assert b"retry-after: " in told[1]
    assert [call.request for call in up.log.calls] == ["r1", "r1"]


async def test_probes(up: UpstreamSet) -> None:
    """The list of models follows the script as calls do, but belongs to no request; GET / always answers and is no call."""
    up.play([Member(name="a", rules=(Rule(act=server_error(), first_call=2),))], seed=1)

    async def get(path: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", up.ports[0])
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        status = (await reader.readuntil(b"\r\n\r\n"))[9:12]
        writer.close()
        await writer.wait_closed()
        return status

    assert [await get(path) for path in ("/", "/v1/models", "/v1/models", "/")] == [b"200", b"200", b"503", b"200"]
    assert [(call.request, call.act) for call in up.log.calls] == [("", "answer"), ("", "refusal")]


async def test_an_empty_seat(up: UpstreamSet) -> None:
    """Nobody answers where no member sits."""
    up.play([Member(name="a")], seed=1)
    assert {one.status for one in await asked(up, seat=1)} == {404}


@pytest.mark.parametrize("names", ["aa", "abc"])
async def test_scripts_that_cannot_be_played(up: UpstreamSet, names: str) -> None:
    """Two members of one name, and more than there are seats, are refused."""
    with pytest.raises(ValueError, match="different names and a seat each of 2"):
        up.play([Member(name=name) for name in names], seed=1)


async def test_arrivals_and_kinds_are_seeded(up: UpstreamSet) -> None:
    """The same seed asks the same requests at the same distances; half of them carry the odd word."""

    async def kinds(seed: int) -> list[tuple[str, bool]]:
        up.play([Member(name="a")], seed=1)
        return [(one.request, one.stream) for one in await asked(up, Load(requests=8, rate=800.0, seed=seed, odd_word="x"))]

    assert await kinds(1) == await kinds(1)
    assert [stream for _, stream in await kinds(1)] != [stream for _, stream in await kinds(5)]
