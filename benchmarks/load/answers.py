"""Reading HTTP/1.1 answers without I/O: as little work as validating them allows, since the load shares a core with the upstream."""

from typing import NamedTuple


class BadAnswer(ValueError):
    """Bytes that are no HTTP/1.1 answer, or more than one."""


class Answer(NamedTuple):
    status: int
    body: bytes
    keep_alive: bool


def take_answer(data: bytes) -> Answer | None:
    """The whole answer that `data` is; None while some of it is missing. Raises BadAnswer."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    status, head = read_head(data, end)
    keep_alive = b"connection: close" not in head
    at = head.find(b"content-length:")
    if at >= 0:
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        missing = end + 4 + length - len(data)
        if missing < 0:
            raise BadAnswer("more bytes than Content-Length said")
        return None if missing else Answer(status, data[end + 4 :], keep_alive)
    if b"transfer-encoding: chunked" in head:
        body = dechunk(data, end + 4)
        return None if body is None else Answer(status, body, keep_alive)
    raise BadAnswer("neither Content-Length nor chunks")


def read_head(data: bytes, end: int) -> tuple[int, bytes]:
    """(status, lower-case head) of bytes whose head ends before `end`."""
    if not data.startswith(b"HTTP/1.1 ") or not data[9:12].isdigit():
        raise BadAnswer(f"not an HTTP/1.1 status line: {data[:40]!r}")
    return int(data[9:12]), data[:end].lower()


def dechunk(data: bytes, at: int) -> bytes | None:
    """The body from `at` on once its last chunk is there. Trailers are not expected."""
    pieces: list[bytes] = []
    while (line := data.find(b"\r\n", at)) >= 0:
        try:
            size = int(data[at:line].split(b";", 1)[0], 16)
        except ValueError:
            raise BadAnswer(f"bad chunk size: {data[at:line][:40]!r}") from None
        begin = line + 2
        if len(data) < begin + size + 2:
            return None
        if size == 0:
            if len(data) > begin + 2:
                raise BadAnswer("bytes after the last chunk")
            return b"".join(pieces)
        pieces.append(data[begin : begin + size])
        at = begin + size + 2
    return None
