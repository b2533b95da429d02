"""The scripted transport keeps to the protocol it stands in for."""

import asyncio

import pytest

from proxy.transport.base import Phase, ResponseTooLarge, TransportError, UpstreamRequest
from proxy.transport.scripted import Reply, ScriptedTransport

REQUEST = UpstreamRequest(method="POST", url="http://a.test/", headers=((b"x", b"1"),), body=b"{}")


class Sleeper:
    """A sleep that only counts."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, delay_s: float) -> None:
        self.slept.append(delay_s)


async def test_replies_in_order_and_requests_kept() -> None:
    """Each request takes the next reply; what was sent can be looked at."""
    transport = ScriptedTransport([Reply(chunks=(b"a", b"b")), Reply(status=503, headers=((b"Retry-After", b"1"),))])
    first, second = await transport.send(REQUEST), await transport.send(REQUEST)
    assert await first.read() == b"ab"
    assert (second.status, second.header(b"retry-after"), second.header(b"x"), await second.read()) == (503, b"1", None, b"")
    assert transport.requests == [REQUEST, REQUEST]
    with pytest.raises(AssertionError, match="no reply for POST"):
        await transport.send(REQUEST)


async def test_reply_by_function() -> None:
    """A function may choose by the request."""
    transport = ScriptedTransport(lambda request: Reply(chunks=(request.body,)))
    assert await (await transport.send(REQUEST)).read() == b"{}"


@pytest.mark.parametrize(("phase", "sent"), [("connect", False), ("tls", False), ("send", True), ("headers", True)])
async def test_failure_before_the_head(phase: Phase, sent: bool) -> None:
    """`fail` raises in its phase; nothing stays in use."""
    transport = ScriptedTransport([Reply(fail=phase, timeout=True)])
    with pytest.raises(TransportError) as caught:
        await transport.send(REQUEST)
    assert (caught.value.phase, caught.value.sent, caught.value.timeout) == (phase, sent, True)
    assert transport.stats().in_use == 0


async def test_failure_of_the_body() -> None:
    """`fail="body"` comes after the chunks."""
    transport = ScriptedTransport([Reply(chunks=(b"a",), fail="body")])
    response = await transport.send(REQUEST)
    assert await response.next_chunk() == b"a"
    for _ in range(2):
        with pytest.raises(TransportError):
            await response.next_chunk()
    assert not response.finished


async def test_delays_go_to_the_given_sleep() -> None:
    """Delays are asked of the injected sleep, before the head and before each chunk."""
    sleeper = Sleeper()
    transport = ScriptedTransport([Reply(chunks=(b"a", b"b"), head_delay_s=1, chunk_delay_s=2)], sleep=sleeper)
    response = await transport.send(REQUEST)
    assert [piece async for piece in response] == [b"a", b"b"]
    assert sleeper.slept == [1, 2, 2]
    assert response.finished
    assert await response.next_chunk() == b""


async def test_use_is_counted() -> None:
    """An exchange is in use until its body ends or it is closed."""
    transport = ScriptedTransport([Reply(chunks=(b"a",)), Reply(chunks=(b"a",))])
    one, other = await transport.send(REQUEST), await transport.send(REQUEST)
    assert transport.stats().open == 2
    await one.read()
    other.close()
    other.close()
    assert transport.stats().open == 0
    with pytest.raises(TransportError, match="closed"):
        await other.next_chunk()
    await transport.aclose()


async def test_cancel() -> None:
    """Cancelling in a delay ends the exchange."""
    transport = ScriptedTransport([Reply(head_delay_s=60), Reply(chunks=(b"a",), chunk_delay_s=60)])
    sending = asyncio.create_task(transport.send(REQUEST))
    await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    response = await transport.send(REQUEST)
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert transport.stats().in_use == 0


async def test_cap() -> None:
    """`read` keeps to max_response_bytes."""
    transport = ScriptedTransport([Reply(chunks=(bytes(10),))])
    request = UpstreamRequest(method="GET", url="http://a.test/", headers=(), max_response_bytes=9)
    with pytest.raises(ResponseTooLarge):
        await (await transport.send(request)).read()
