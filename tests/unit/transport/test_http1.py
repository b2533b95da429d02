"""Http1Transport by itself; the contract suite has the rest."""

import asyncio
from typing import cast

import pytest

from proxy.transport.base import Timeouts, UpstreamRequest
from proxy.transport.http1 import Http1Transport
from tests.support.hostile_server import OK, HostileServer, answer


async def test_pooled_exchange_needs_one_wait() -> None:
    """On a pooled connection `send` waits once, for the head, and the body that came with it is read without waiting."""
    async with HostileServer(answer(OK)) as server:
        transport = Http1Transport()
        request = UpstreamRequest(method="GET", url=server.url, headers=(), timeouts=Timeouts())
        await (await transport.send(request)).read()
        sending = transport.send(request)
        waits_for = cast("asyncio.Future[object]", sending.send(None))
        assert waits_for is not None
        while not waits_for.done():
            await asyncio.sleep(0)
        with pytest.raises(StopIteration) as sent:
            sending.send(None)
        assert sent.value.value.finished
        with pytest.raises(StopIteration) as read:
            sent.value.value.read().send(None)
        assert read.value.value == b"hello"
        await transport.aclose()
