"""Response header names, checked once each."""

MAX_NAMES = 512
FRAMING = frozenset({b"content-length: ", b"transfer-encoding: ", b"connection: "})
"""What decides how a body ends: looked at each time."""

_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class HeaderNames:
    """Names seen and found valid, with their colon: applications use a few dozen over and over. Framing headers are never kept."""

    def __init__(self) -> None:
        self._lines: dict[bytes, bytes] = {}
        self.get = self._lines.get

    def learn(self, name: bytes) -> bytes:
        """`b"Content-Type"` → `b"content-type: "`. Raises RuntimeError for a name that is no HTTP token."""
        if not name or name.translate(None, _NAME_BYTES):
            raise RuntimeError(f"Invalid HTTP header name {name!r}.")
        line = name.lower() + b": "
        if line not in FRAMING and len(self._lines) < MAX_NAMES:
            self._lines[name] = line
        return line
