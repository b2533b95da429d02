"""A slow reader holds the upstream back instead of filling memory."""

import asyncio

import pytest

from proxy.transport.response import FedResponse
from tests.contract.transport.client import Open
from tests.support.hostile_server import HostileServer, answer

SIZE = 50 * 2**20
IN_KERNEL = 24 * 2**20
"""More than both socket buffers of a loopback connection may hold."""


@pytest.mark.parametrize("framing", [b"content-length: %d\r\n\r\n" % SIZE, b"connection: close\r\n\r\n"], ids=["length", "no length"])
async def test_slow_reader_holds_the_peer_back(opened: Open, framing: bytes) -> None:
    """While nobody reads, the peer gets no further than the kernel's buffers; read on, the body is whole."""
    head = b"HTTP/1.1 200 OK\r\n" + framing
    async with HostileServer(answer(head, *[bytes(65536)] * (SIZE // 65536))) as server, opened() as client:
        response = await client.send(server.url)
        size = len(await response.next_chunk())
        last = -1
        while server.peers[0].sent != last:
            last = server.peers[0].sent
            await asyncio.sleep(0.1)
        assert server.peers[0].sent < IN_KERNEL
        if isinstance(response, FedResponse):
            assert response.buffered <= 512 * 1024
        while size < SIZE:
            size += len(await response.next_chunk())
        response.close()


async def test_reading_whole_is_not_held_back(opened: Open) -> None:
    """`read` after the connection paused takes the rest in one go."""
    body = bytes(8 * 2**20)
    async with HostileServer(answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)) as server, opened() as client:
        response = await client.send(server.url)
        await asyncio.sleep(0.2)
        assert len(await response.read()) == len(body)
        assert client.transport.stats().idle == 1
