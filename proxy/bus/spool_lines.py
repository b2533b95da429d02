"""Lines of a spool: what was begun, and what has ended.

    <8 hex: CRC-32 of what follows, without the line's end> <b|e> <id> <payload>\\n

A line whose check sum is wrong was torn by a crash, or by a hand: it is passed over. Ids have no space, payloads no line end.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple
from zlib import crc32

_END, _SPACE = b"\n "
"""Numbers, for which a payload is searched in an eighth of the time."""
Kind = Literal["b", "e"]
"""begun: an intent, until the line that ends it · ended: to be delivered."""


class Line(NamedTuple):
    kind: str
    id: str
    payload: bytes
    end: int
    """Where the next line begins, from the start of what was given."""


def pack(kind: bytes, id_: bytes, payload: bytes) -> bytes:
    """Raises ValueError for what would break the format."""
    if _END in payload or _SPACE in id_ or _END in id_:
        raise ValueError("a line of a spool has no line end in it, and its id no space")
    head = kind + b" " + id_ + b" "
    return b"%08x " % crc32(payload, crc32(head)) + head + payload + b"\n"


def unpack(data: bytes) -> Iterator[Line]:
    """Whole lines only: what is behind the last line end has not been written to its end."""
    at = 0
    while (stop := data.find(b"\n", at)) >= 0:
        line, at = data[at:stop], stop + 1
        parts = line.split(b" ", 3)
        if len(parts) == 4 and parts[0] == b"%08x" % crc32(line[9:]) and parts[1] in (b"b", b"e"):
            yield Line(parts[1].decode(), parts[2].decode("ascii", "replace"), parts[3], at)


def torn(data: bytes) -> int:
    """How many of its lines are damaged."""
    return data.count(b"\n") - sum(1 for _ in unpack(data))
