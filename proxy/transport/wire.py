"""A request as HTTP/1.1 bytes. Nothing that could split a request leaves here: bad names, values and targets are a ValueError.

Request lines, header names and the heads that come again as the same object are remembered; bodies never.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from proxy.transport.base import Header, UpstreamRequest

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_METHOD = re.compile(r"[A-Z]{1,20}")
_URL = re.compile(r"[!-~]+")
_OURS = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"te", b"trailer", b"upgrade", b"expect"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
_REMEMBERED = 4096
"""Entries in each memory; a full one is emptied. URLs and header names come from configuration, so this is never reached in practice."""

_BLOCKS = 64
"""Heads kept, each with a credential: those of the last few dozen providers and keys. Headers made for one request push out some."""


class Origin(NamedTuple):
    scheme: str
    host: str
    """Lower case, an IPv6 address without its brackets."""
    port: int


class Target(msgspec.Struct):
    origin: Origin
    after_method: bytes
    """` /path?query HTTP/1.1`, the end of the line and the Host line."""
    starts: dict[str, bytes] = msgspec.field(default_factory=dict)
    """Method → what `after_method` makes with it."""

    def start(self, method: str) -> bytes:
        if not _METHOD.fullmatch(method):
            raise ValueError("invalid method")
        found = self.starts[method] = method.encode("ascii") + self.after_method
        return found


def parse_url(url: str) -> Target:
    """ValueError: not an absolute http(s) URL, user information, or characters that a request line cannot carry."""
    if not _URL.fullmatch(url):
        raise ValueError("a URL must be printable ASCII: percent-encode the path, write an international host in punycode")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an absolute http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL with user information is refused: credentials go into headers")
    host = parts.hostname
    default = 443 if parts.scheme == "https" else 80
    port = default if parts.port is None else parts.port
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == default else f"{shown}:{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(Origin(parts.scheme, host, port), f" {path} HTTP/1.1\r\nhost: {authority}\r\n".encode("ascii"))


class RequestWriter:
    """Keeps the two memories; one for each transport."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._names: dict[bytes, bytes] = {}
        self._blocks: dict[tuple[int, int, str], tuple[tuple[Header, ...], Target, bytes]] = {}
        """By the identities of headers and target, which it keeps alive: a provider sends the same tuple again and again."""

    def target(self, url: str) -> Target:
        found = self._targets.get(url)
        if found is None:
            found = parse_url(url)
            if len(self._targets) >= _REMEMBERED:
                self._targets.clear()
            self._targets[url] = found
        return found

    def head(self, request: UpstreamRequest, target: Target) -> bytes:
        """Request line and headers with the closing blank line."""
        method, headers = request.method, request.headers
        known = self._blocks.get((id(headers), id(target), method))
        block = known[2] if known is not None else self._block(method, headers, target)
        body = request.body
        if body or method not in _BODILESS:
            return b"%bcontent-length: %d\r\n\r\n" % (block, len(body))
        return block + b"\r\n"

    def _block(self, method: str, headers: tuple[Header, ...], target: Target) -> bytes:
        block = (target.starts.get(method) or target.start(method)) + self._lines(headers)
        if block.find(b"\naccept-encoding: ") < 0:
            # Decompressing costs more CPU than the bytes cost on the way, and a compressor between us and a model holds tokens back.
            block += b"accept-encoding: identity\r\n"
        if len(self._blocks) >= _BLOCKS:
            self._blocks.clear()
        self._blocks[id(headers), id(target), method] = (headers, target, block)
        return block

    def _lines(self, headers: tuple[Header, ...]) -> bytes:
        if not headers:
            return b""
        names = self._names
        try:
            lines = b"\r\n".join([names[name] + value for name, value in headers]) + b"\r\n"
        except KeyError:
            for name, _ in headers:
                self._learn(name)
            return self._lines(headers)
        # Two bytes a line are ours. One pass finds whether the values bring more, where a look at each value would cost 1 µs.
        if len(lines) - len(lines.translate(None, b"\r\n\0")) != 2 * len(headers):
            raise ValueError("a header value contains CR, LF or NUL")
        return lines

    def _learn(self, name: bytes) -> None:
        if name in self._names:
            return
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise ValueError("a header name is not a token")
        if lower in _OURS:
            raise ValueError(f"the transport writes {lower.decode('ascii')} itself")
        if len(self._names) >= _REMEMBERED:
            self._names.clear()
        self._names[name] = lower + b": "
