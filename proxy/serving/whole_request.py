"""A whole request that came in one piece, as small ones do, read without the parser: see `transport/whole_answer.py`.

Taken is a POST of HTTP/1.1 to a plain path, each header there once, Host among them, and a body of exactly its content-length. All else
is llhttp's: whatever could be read in two ways, bodies in pieces, pipelining, and headers that say something of framing or the connection.
"""

import re
from collections.abc import Callable

from proxy.core.header_lines import MAX_HEAD_BYTES, REMEMBERED, REMEMBERED_BYTES, Header, HeaderLines, Unusual

Whole = tuple[bytes, str, list[Header], bytes, int]
"""Path as it came, path, headers, body, bytes of the head."""

_REQUEST = re.compile(rb"POST (/[!$&'()*+,\-./0-9:;=@A-Z_a-z~]*) HTTP/1\.1")


class WholeRequests:
    """Clients repeat their lines, whichever connection they come by."""

    def __init__(self) -> None:
        self.lines = HeaderLines(also=(b"expect",))
        self.paths: dict[bytes, tuple[bytes, str]] = {}
        """By request line."""

    def read(self, data: bytes, header: Callable[[bytes], Header]) -> Whole | None:
        """`header`: reads a line, as `lines` or a connection's own do. None: the parser is to look at it."""
        end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if end < 0:
            return None
        lines = data[:end].split(b"\r\n")
        start = lines.pop(0)
        path = self.paths.get(start) or self._path(start)
        if path is None:
            return None
        try:
            headers = list(map(header, lines))
        except Unusual:
            return None
        body, names = data[end + 4 :], dict(headers)
        if len(names) != len(headers) or not body or names.get(b"content-length") != b"%d" % len(body) or b"host" not in names:
            return None
        return path[0], path[1], headers, body, end + 4

    def _path(self, start: bytes) -> tuple[bytes, str] | None:
        found = _REQUEST.fullmatch(start)
        if found is None:
            return None
        path = (found[1], found[1].decode("ascii"))
        if len(start) <= REMEMBERED_BYTES:
            if len(self.paths) >= REMEMBERED:
                self.paths.clear()
            self.paths[start] = path
        return path
