"""Secrets that must not be printed: known values are replaced in every line that is not built from safe fields alone."""

import orjson

MIN_LENGTH = 6
"""Shorter values would blot out ordinary words."""
MASK = b"***"


class Redactor:
    def __init__(self) -> None:
        self._secrets: tuple[bytes, ...] = ()

    def add(self, *values: str) -> None:
        """Register secrets as the configuration has them; the form that JSON escapes them to is replaced too."""
        found = set(self._secrets)
        for value in values:
            if len(value) >= MIN_LENGTH:
                found.add(value.encode("utf-8", "surrogatepass"))
                found.add(orjson.dumps(value)[1:-1])
        self._secrets = tuple(sorted(found, key=lambda s: (-len(s), s)))

    def __call__(self, line: bytes) -> bytes:
        for secret in self._secrets:
            if secret in line:
                line = line.replace(secret, MASK)
        return line
