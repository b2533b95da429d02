"""Several requests sent as one."""

import asyncio
from typing import Any

import pytest

from proxy.transport.base import ResponseTooLarge, TransportError, UpstreamRequest, UpstreamResponse
from proxy.transport.gathered import Gathered, Take, send_all
from proxy.transport.scripted import Reply, ScriptedTransport


def requests(n: int, cap: int = 1000) -> list[UpstreamRequest]:
    return [UpstreamRequest(method="POST", url="http://up.test/", headers=(), body=b"%d" % i, max_response_bytes=cap) for i in range(n)]


def echoing(**more: Any) -> ScriptedTransport:
    return ScriptedTransport(lambda request: Reply(headers=((b"x-n", request.body),), chunks=(b"got " + request.body,), **more))


def nothing(i: int, body: bytes) -> None:
    """For tests that look elsewhere."""


async def gathered(transport: ScriptedTransport, n: int, *, at_once: int = 3, cap: int = 1000, take: Take = nothing) -> UpstreamResponse:
    return await send_all(transport.send, requests(n, cap), at_once=at_once, take=take)


async def test_each_body_is_handed_out_as_it_comes() -> None:
    """With its number; the head is the first request's, whichever came first."""
    taken: list[tuple[int, bytes]] = []

    class Backwards(ScriptedTransport):
        async def send(self, request: UpstreamRequest) -> UpstreamResponse:
            for _ in range(10 - int(request.body)):
                await asyncio.sleep(0)
            return await super().send(request)

    transport = Backwards(lambda request: Reply(headers=((b"x-n", request.body),), chunks=(b"got ", request.body)))
    response = await gathered(transport, 5, at_once=5, take=lambda i, body: taken.append((i, body)))
    assert taken == [(i, b"got %d" % i) for i in (4, 3, 2, 1, 0)]
    assert (response.status, response.header(b"x-n"), response.header(b"other")) == (200, b"0", None)
    assert transport.stats().in_use == 0


@pytest.mark.parametrize(("n", "at_once", "most"), [(7, 3, 3), (2, 8, 2), (5, 1, 1)])
async def test_no_more_at_once_than_allowed(n: int, at_once: int, most: int) -> None:
    """A provider's connections and rate limit are shared."""
    seen = []

    class Counting(ScriptedTransport):
        async def send(self, request: UpstreamRequest) -> UpstreamResponse:
            response = await super().send(request)
            seen.append(self.stats().in_use)
            await asyncio.sleep(0)
            return response

    await gathered(Counting(lambda _: Reply(chunks=(b"x",))), n, at_once=at_once)
    assert (len(seen), max(seen)) == (n, most)


async def test_the_first_refusal_is_the_answer() -> None:
    """Still to be read; the others are ended, and no further request is begun."""
    transport = ScriptedTransport(
        lambda request: Reply(status=429, chunks=(b"slow down",)) if request.body == b"1" else Reply(head_delay_s=60, chunks=(b"x",))
    )
    response = await gathered(transport, 9, at_once=3)
    assert (response.status, await response.read()) == (429, b"slow down")
    assert [request.body for request in transport.requests] == [b"0", b"1"]
    assert transport.stats().in_use == 0


async def test_only_one_of_several_refusals_stays_open() -> None:
    """All came within one turn of the loop."""
    release = asyncio.Event()

    async def held(_: float) -> None:
        await release.wait()

    transport = ScriptedTransport(lambda _: Reply(head_delay_s=1, status=500, chunks=(b"no",)), sleep=held)
    asyncio.get_running_loop().call_later(0.05, release.set)
    response = await gathered(transport, 3, at_once=3)
    assert (response.status, transport.stats().in_use) == (500, 1)
    response.close()
    assert transport.stats().in_use == 0


@pytest.mark.parametrize("phase", ["connect", "headers", "body"])
async def test_a_failure_is_the_failure_of_all(phase: Any) -> None:
    """As the transport told it."""
    transport = ScriptedTransport(lambda request: Reply(chunks=(b"x",), fail=phase if request.body == b"2" else None))
    with pytest.raises(TransportError) as caught:
        await gathered(transport, 4, at_once=2)
    assert caught.value.phase == phase
    assert transport.stats().in_use == 0


async def test_what_the_taker_raises_is_the_failure_of_all() -> None:
    """A broken answer ends the others early."""

    def take(i: int, body: bytes) -> None:
        if i == 1:
            raise ValueError("broken")

    transport = echoing()
    with pytest.raises(ValueError, match="broken"):
        await gathered(transport, 50, at_once=2, take=take)
    assert len(transport.requests) < 5
    assert transport.stats().in_use == 0


async def test_the_cap_is_for_all_together() -> None:
    """Else many answers could be as many times as large."""
    assert (await gathered(echoing(), 4, cap=20)).status == 200
    with pytest.raises(ResponseTooLarge):
        await gathered(echoing(), 4, cap=19)


async def test_cancelling_ends_every_exchange() -> None:
    """A client that leaves takes all of them along."""
    transport = echoing(head_delay_s=60)
    task = asyncio.ensure_future(gathered(transport, 4))
    while len(transport.requests) < 3:
        await asyncio.sleep(0)
    assert transport.stats().in_use == 3
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.stats().in_use == 0


@pytest.mark.parametrize("status", [200, 500])
async def test_a_cancellation_is_not_lost_in_a_failure(status: int) -> None:
    """Both in one turn of the loop: the client is gone all the same."""
    release = asyncio.Event()

    async def held(_: float) -> None:
        await release.wait()

    transport = ScriptedTransport(
        lambda _: Reply(head_delay_s=1, status=status, fail="headers" if status == 200 else None, chunks=(b"x",)), sleep=held
    )
    task = asyncio.ensure_future(gathered(transport, 1))
    while not transport.requests:
        await asyncio.sleep(0)
    release.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.stats().in_use == 0


async def test_an_answer_like_any_other() -> None:
    """By each way to read it, and empty."""
    response = Gathered([(b"a", b"b")])
    assert (response.status, response.framed, response.finished, response.header(b"a")) == (200, True, True, b"b")
    assert response.whole() == await response.read() == await response.next_chunk() == b""
    assert [piece async for piece in response] == []
    await response.relay(lambda _: True)
    response.stop_relay()
    response.close()
