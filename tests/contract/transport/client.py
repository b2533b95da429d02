"""What the suite's tests share: short ways to ask a transport."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from proxy.transport.base import Header, Timeouts, Transport, TransportError, UpstreamRequest, UpstreamResponse
from proxy.transport.factory import Kind

GENEROUS = Timeouts(connect_s=30, headers_s=30, between_bytes_s=30)


class Client:
    def __init__(self, kind: Kind, transport: Transport) -> None:
        self.kind = kind
        self.transport = transport

    async def send(self, url: str, **changes: Any) -> UpstreamResponse:
        return await self.transport.send(request(url, **changes))

    async def fetch(self, url: str, **changes: Any) -> tuple[int, bytes]:
        """Status and body of an exchange that must succeed."""
        response = await self.send(url, **changes)
        return response.status, await response.read()

    async def failure(self, url: str, **changes: Any) -> TransportError:
        """The error of an exchange that must fail, wherever it does."""
        try:
            await self.fetch(url, **changes)
        except TransportError as exc:
            return exc
        raise AssertionError("the exchange succeeded")

    async def settled(self) -> None:
        """Closing takes a turn of the loop or two in httpx."""
        for _ in range(200):
            if not self.transport.stats().in_use:
                return
            await asyncio.sleep(0.005)


Open = Callable[..., AbstractAsyncContextManager[Client]]


def request(
    url: str,
    *,
    method: str = "POST",
    headers: tuple[Header, ...] = ((b"content-type", b"application/json"),),
    body: bytes = b'{"a": 1}',
    timeouts: Timeouts = GENEROUS,
    max_response_bytes: int = 64 * 1024 * 1024,
) -> UpstreamRequest:
    return UpstreamRequest(
        method=method,
        url=url,
        headers=headers,
        body=body if method == "POST" else b"",
        timeouts=timeouts,
        max_response_bytes=max_response_bytes,
    )


async def pieces(response: UpstreamResponse) -> list[bytes]:
    return [piece async for piece in response]


async def until_failure(response: UpstreamResponse) -> tuple[bytes, TransportError]:
    """What a body that must fail gives before, and its error."""
    got = b""
    try:
        while chunk := await response.next_chunk():
            got += chunk
    except TransportError as exc:
        return got, exc
    raise AssertionError("the body ended cleanly")
