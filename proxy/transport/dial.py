"""A new connection: resolve, connect (RFC 8305, in short), handshake. One budget bounds them all.

asyncio's own happy eyeballs is missing from uvloop's create_connection, which tries one address after the other and would spend the whole
budget on a first one that drops packets.
"""

import asyncio
import itertools
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from proxy.core.tasks import TaskSupervisor
from proxy.transport.base import Phase, TransportError
from proxy.transport.wire import Origin

ATTEMPT_DELAY_S = 0.25
"""Source: RFC 8305, 5 (Connection Attempt Delay), read 2026-11-22."""

AddressInfo = tuple[int, int, int, str, Any]
"""As socket.getaddrinfo gives it: family, type, protocol, canonical name, address."""
P = TypeVar("P", bound=asyncio.Protocol)


Admit = Callable[[list[AddressInfo]], list[AddressInfo]]


class Dialer:
    """`tls`: for https; None: https is refused. `admit`: says which of a name's addresses may be connected to, OSError: none."""

    def __init__(self, tls: ssl.SSLContext | None = None, admit: Admit | None = None) -> None:
        self._tls = tls
        self._admit = admit
        self._attempts = TaskSupervisor()

    async def open(self, origin: Origin, make: Callable[[], P], due: float | None) -> P:
        """Until loop time `due`. Raises TransportError with phase connect or tls, never sent."""
        phase: Phase = "connect"
        try:
            async with asyncio.timeout_at(due):
                infos = await resolve(origin.host, origin.port)
                connected = await self.race(infos if self._admit is None else self._admit(infos))
                if origin.scheme == "https":
                    phase = "tls"
                return await self._attach(connected, origin, make)
        except TimeoutError as exc:
            raise TransportError(f"{_shown(origin)}: no connection in time", phase=phase, sent=False, timeout=True) from exc
        except OSError as exc:
            raise TransportError(f"{_shown(origin)}: {exc.strerror or exc}", phase=phase, sent=False) from exc

    async def _attach(self, connected: socket.socket, origin: Origin, make: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if origin.scheme == "http":
            _, protocol = await loop.create_connection(make, sock=connected)
        elif self._tls is None:
            connected.close()
            raise OSError("TLS is not configured")
        else:
            _, protocol = await loop.create_connection(make, sock=connected, ssl=self._tls, server_hostname=origin.host)
        return protocol

    async def race(self, infos: list[AddressInfo]) -> socket.socket:
        """The first that answers; each next address gets its turn after ATTEMPT_DELAY_S or the failure of all before it."""
        if len(infos) == 1:
            return await _connect_one(infos[0])
        waiting = deque(_interleaved(infos))
        running: set[asyncio.Task[socket.socket | OSError]] = set()
        failure = OSError("no address")
        try:
            while waiting or running:
                if waiting:
                    running.add(self._attempts.start(_outcome(waiting.popleft()), name="transport-connect"))
                done, running = await asyncio.wait(
                    running, timeout=ATTEMPT_DELAY_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                outcomes = [task.result() for task in done]
                connected = [outcome for outcome in outcomes if isinstance(outcome, socket.socket)]
                if connected:
                    _close(connected[1:])
                    return connected[0]
                failure = next((outcome for outcome in outcomes if isinstance(outcome, OSError)), failure)
            raise failure
        finally:
            for task in running:
                if not task.cancel():
                    _close([task.result()])


async def resolve(host: str, port: int) -> list[AddressInfo]:
    """Addresses in the resolver's order; a literal address needs none. OSError: there is no such name."""
    try:
        return [*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]
    except socket.gaierror:
        pass
    except UnicodeError as exc:
        raise OSError("not a host name") from exc
    return [*await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)]


async def _outcome(info: AddressInfo) -> socket.socket | OSError:
    try:
        return await _connect_one(info)
    except OSError as exc:
        return exc


async def _connect_one(info: AddressInfo) -> socket.socket:
    family, kind, protocol, _, address = info
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    except (OSError, asyncio.CancelledError):
        connecting.close()
        raise
    return connecting


def _interleaved(infos: list[AddressInfo]) -> list[AddressInfo]:
    """Families in turn, beginning with the resolver's first (RFC 8305, 4)."""
    first = [info for info in infos if info[0] == infos[0][0]]
    other = [info for info in infos if info[0] != infos[0][0]]
    return [info for pair in itertools.zip_longest(first, other) for info in pair if info is not None]


def _close(outcomes: list[socket.socket] | list[socket.socket | OSError]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, socket.socket):
            outcome.close()


def _shown(origin: Origin) -> str:
    return f"{origin.scheme}://{origin.host}:{origin.port}"
