"""METRICS_PORT: `/metrics` and `/health/live` on a port of their own, one request a connection."""

import asyncio
import logging
import socket
from collections.abc import Callable
from http import HTTPStatus

from proxy.serving.options import Launch
from proxy.serving.sockets import CannotListen, address_of, bind
from proxy.telemetry.hub import MetricsHub

READ_S = 5.0
MAX_HEAD = 16 * 1024


class MetricsPort:
    """`alive()` tells whether the process as a whole still serves."""

    def __init__(self, hub: MetricsHub, sock: socket.socket, *, alive: Callable[[], bool] = lambda: True, read_s: float = READ_S) -> None:
        self._read_s = read_s
        self._hub = hub
        self._sock = sock
        self._alive = alive
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._sock, limit=MAX_HEAD)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._sock.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._read_s):
                head = await reader.readuntil(b"\r\n\r\n")
            status, media, body = await self._answer(head)
            method = head.split(b" ", 1)[0]
            writer.write(_response(status, media, b"" if method == b"HEAD" else body, len(body)))
            async with asyncio.timeout(self._read_s):
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, OSError) as exc:
            logging.getLogger("llm_edge").debug("metrics port", extra={"error": repr(exc)})
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> tuple[int, str, bytes]:
        line, _, fields = head.partition(b"\r\n")
        parts = line.split(b" ")
        if len(parts) != 3 or parts[0] not in (b"GET", b"HEAD"):
            return 405, "text/plain", b"GET only\n"
        path = parts[1].partition(b"?")[0]
        if path == b"/metrics":
            media, body = await self._hub.render(_field(fields, b"accept"))
            return 200, media, body
        if path == b"/health/live":
            alive = self._alive()
            return (200 if alive else 503), "application/json", b'{"alive":true}' if alive else b'{"alive":false}'
        return 404, "text/plain", b"/metrics and /health/live are here\n"


def open_metrics_port(launch: Launch) -> socket.socket | None:
    """A taken metrics port is no reason not to serve: the main port has /metrics too."""
    options = launch.options
    if options.metrics_port is None:
        return None
    try:
        sock = bind(options.host, options.metrics_port)[0]
    except CannotListen as exc:
        logging.getLogger("llm_edge").warning("no metrics port: %s", exc)
        return None
    logging.getLogger("llm_edge").info("metrics port", extra={"port": address_of(sock)[1]})
    return sock


def _field(fields: bytes, name: bytes) -> str:
    for line in fields.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("latin-1")
    return ""


def _response(status: int, media: str, body: bytes, length: int) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {media}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body
