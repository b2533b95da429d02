"""The files that a configuration is read from, and what they said.

Whoever starts a process hands on what it read itself, so that a worker that is replaced while the file on the disk is wrong, or half
written, still starts on the version that is in force.
"""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

MAX_BYTES = 4 * 1024 * 1024


class Sources(msgspec.Struct, frozen=True):
    """`texts`: content by path, None where there was no readable file. `watched`: further files that a reload reads (certificates).

    Holds secrets: it travels between processes of ours over a socket pair and is never printed.
    """

    texts: dict[str, bytes | None] = {}
    watched: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Sources({sorted(self.texts)}, {list(self.watched)})"

    def paths(self) -> tuple[str, ...]:
        """All that can change what is in force."""
        return (*self.texts, *self.watched)


class SourceReader:
    """Reads files and remembers what they said. `given`: content that stands for the disk's."""

    def __init__(self, given: Mapping[str, bytes | None] | None = None) -> None:
        self._given = given or {}
        self.texts: dict[str, bytes | None] = {}

    def read(self, path: Path, limit: int = MAX_BYTES) -> bytes:
        """At most `limit` + 1 bytes. Raises OSError."""
        name = str(path)
        try:
            content = self._given[name] if name in self._given else _load(path, limit)
        except OSError:
            self.texts[name] = None
            raise
        self.texts[name] = content
        if content is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return content


def _load(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)
