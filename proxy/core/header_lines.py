"""Lines of HTTP heads that come again and again, read once: for whole messages that need no parser (`serving/whole_request.py`,
`transport/whole_answer.py`).

Only what cannot be read in two ways is a header here: a name that is a token, colon, one space, and a value of visible ASCII and inner
spaces. No other line is kept, nor is one that holds a secret, or is long.
"""

import re
from collections.abc import Iterable

Header = tuple[bytes, bytes]

MAX_HEAD_BYTES = 8 * 1024
"""Of a message that is read without the parser."""
REMEMBERED = 1024
"""Lines. When there are so many, all are forgotten: those of one message alone, with its id or date, are never asked for again."""
REMEMBERED_BYTES = 128
"""Of one line."""

OWN = 32
"""Lines of a connection."""
OWN_BYTES = 2048
"""Of one line: a token may be long."""

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FRAMING = frozenset({b"transfer-encoding", b"connection", b"keep-alive", b"upgrade", b"trailer", b"te", b"proxy-connection"})
_STAYS = b"connection: keep-alive"
_SECRETS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"proxy-authorization", b"x-amz-security-token"}) | {
    b"cookie",
    b"set-cookie",
}


class Unusual(Exception):
    """The line is the parser's to read."""


class HeaderLines(dict[bytes, Header]):
    """Line without its end → header, name in lower case. A dict that learns, so that `map` looks all lines of a head up without a byte code
    for each. `also`: names, beside those of framing and connection, whose lines are the parser's. `lines[line]` raises Unusual."""

    def __init__(self, also: Iterable[bytes] = ()) -> None:
        super().__init__()
        self._parsers = _FRAMING.union(also)
        self._names: dict[bytes, bytes] = {}
        """As they came → in lower case."""

    def __missing__(self, line: bytes) -> Header:
        given, _, value = line.partition(b": ")
        name = self._names.get(given) or self._name(given)
        text = value.decode("latin-1")  # as text it is looked through in a tenth of the time of a regular expression
        if not text or not text.isascii() or not text.isprintable() or text.strip(" ") != text:
            raise Unusual
        if name in self._parsers and line.lower() != _STAYS:
            raise Unusual
        header = (name, value)
        if len(line) <= REMEMBERED_BYTES and name not in _SECRETS:
            if len(self) >= REMEMBERED:
                self.clear()
            self[line] = header
        return header

    def _name(self, given: bytes) -> bytes:
        if not _NAME.fullmatch(given):
            raise Unusual
        if len(self._names) >= REMEMBERED:
            self._names.clear()
        name = given.lower()
        if len(given) <= REMEMBERED_BYTES:
            self._names[given] = name
        return name


class OwnLines(dict[bytes, Header]):
    """The lines of one connection, those with its credential among them, for as long as it lives; the others are in `shared` as well."""

    def __init__(self, shared: HeaderLines) -> None:
        super().__init__()
        self._shared = shared

    def __missing__(self, line: bytes) -> Header:
        header = self._shared[line]
        if len(line) <= OWN_BYTES:
            if len(self) >= OWN:
                self.clear()
            self[line] = header
        return header
