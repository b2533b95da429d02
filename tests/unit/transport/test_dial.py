"""New connections to addresses that answer late or never."""

import asyncio
import socket
from typing import Any

import pytest

from proxy.transport.base import TransportError
from proxy.transport.dial import ATTEMPT_DELAY_S, Dialer, resolve
from proxy.transport.wire import Origin
from tests.support.hostile_server import HostileServer, black_hole, ignore, refused_port


def _info(port: int, host: str = "127.0.0.1") -> tuple[int, int, int, str, Any]:
    return (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))


async def test_address_that_drops_packets_does_not_cost_the_budget() -> None:
    """The second address is tried after the attempt delay, while the first still hangs."""
    loop = asyncio.get_running_loop()
    async with black_hole() as dead, HostileServer(ignore) as server:
        start = loop.time()
        won = await Dialer().race([_info(dead), _info(server.port)])
        assert won.getpeername()[1] == server.port
        assert loop.time() - start >= ATTEMPT_DELAY_S * 0.9
        won.close()
        await server.until(lambda: server.open == 0)


async def test_refusal_moves_on_at_once() -> None:
    """A refused address does not wait for the delay, whichever its family."""
    with refused_port() as refused:
        async with HostileServer(ignore) as server:
            won = await asyncio.wait_for(Dialer().race([_info(refused), _info(refused, "::1"), _info(server.port)]), ATTEMPT_DELAY_S * 40)
            won.close()
            await server.until(lambda: server.open == 0)


async def test_all_refuse() -> None:
    """When every address fails, so does the race."""
    with refused_port() as refused, pytest.raises(OSError):
        await Dialer().race([_info(refused), _info(refused)])


async def test_cancelled_race_leaves_nothing() -> None:
    """Cancelling closes every attempt (an unclosed socket would warn, and a task would be found)."""
    async with black_hole() as dead:
        race = asyncio.create_task(Dialer().race([_info(dead), _info(dead)]))
        await asyncio.sleep(ATTEMPT_DELAY_S + 0.1)
        race.cancel()
        with pytest.raises(asyncio.CancelledError):
            await race
        await asyncio.sleep(0)


async def test_literals_are_not_looked_up() -> None:
    """An address is its own resolution."""
    assert [info[4][0] for info in await resolve("127.0.0.1", 80)] == ["127.0.0.1"]
    assert [info[4][0] for info in await resolve("::1", 80)] == ["::1"]
    assert {info[4][0] for info in await resolve("localhost", 80)} <= {"127.0.0.1", "::1"}


async def test_name_that_is_none() -> None:
    """A host that cannot be a name is a failure to connect."""
    with pytest.raises(TransportError) as caught:
        await Dialer().open(Origin("http", "a..b", 80), asyncio.Protocol, None)
    assert (caught.value.phase, caught.value.sent) == ("connect", False)


async def test_https_needs_a_context() -> None:
    """Without TLS settings an https origin is refused."""
    async with HostileServer(ignore) as server:
        with pytest.raises(TransportError, match="TLS is not configured"):
            await Dialer().open(Origin("https", "127.0.0.1", server.port), asyncio.Protocol, None)
        await server.until(lambda: server.open == 0)
