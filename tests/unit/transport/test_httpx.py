"""HttpxTransport by itself; the contract suite has the rest."""

from typing import Any

import httpx2
import pytest

from proxy.transport.base import Timeouts, UpstreamRequest
from proxy.transport.httpx import HttpxTransport
from proxy.transport.tls import client_context
from tests.support.hostile_server import OK, HostileServer, answer


async def test_environment_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the setting names a proxy, never HTTP_PROXY."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with HostileServer(answer(OK)) as server:
        transport = HttpxTransport(tls=client_context())
        response = await transport.send(UpstreamRequest(method="GET", url=server.url, headers=(), timeouts=Timeouts()))
        assert await response.read() == b"hello"
        await transport.aclose()


async def test_trailing_bytes_can_still_be_seen() -> None:
    """The private names by which bytes after an answer are found exist in the installed httpcore2."""
    async with HostileServer(answer(OK)) as server:
        inner = httpx2.AsyncHTTPTransport(trust_env=False)
        answered = await inner.handle_async_request(httpx2.Request("GET", server.url))
        stream: Any = answered.stream
        await answered.aread()
        state = stream._httpcore_stream._pool_request.connection._connection._h11_state
        await inner.aclose()
        assert state.trailing_data == (b"", False)
