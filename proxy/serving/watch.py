"""Sees that files of the configuration have changed: by polling, which works alike for editors that rename, for the symbolic links that
Kubernetes swaps under a ConfigMap, and on network file systems.

A change counts once two looks have found the same (whoever writes has finished), and only if the content differs from what was last taken:
touching a file does nothing.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from proxy.settings.sources import Sources

POLL_S = 1.0

Stamp = tuple[int, int, int, int, int]


class FileWatch:
    def __init__(self, sources: Sources, also: Iterable[str] = ()) -> None:
        """`sources`: what is in force; `also`: further files."""
        self._stamps: dict[str, Stamp | None] = {}
        self._taken: dict[str, bytes | None] = {name: _digest(_content(name)) for name in also}
        self._settling = True
        self.follow(sources)

    def follow(self, sources: Sources) -> None:
        """What has been read now, in force or refused: from here on only its files count, and their next change."""
        watched = {name: self._taken[name] if name in self._taken else _digest(_content(name)) for name in sources.watched}
        if sources.paths():
            self._taken = watched | {name: _digest(text) for name, text in sources.texts.items()}
        self._settling = True

    def look(self) -> bool:
        """Whether there is something to read. Blocks on the disk."""
        stamps = {name: _stamp(name) for name in self._taken}
        if stamps != self._stamps:
            self._stamps, self._settling = stamps, True
            return False
        if not self._settling:
            return False
        self._settling = False
        found = {name: _digest(_content(name)) for name in self._taken}
        changed = found != self._taken
        self._taken = found
        return changed


async def watch_files(watch: FileWatch, reload: Callable[[], Awaitable[None]], poll_s: float = POLL_S) -> None:
    """For ever. `reload` tells `watch` what it has read."""
    while True:
        await asyncio.sleep(poll_s)
        if await asyncio.to_thread(watch.look):
            logging.getLogger("llm_edge").info("the configuration changed on the disk")
            await reload()


def _stamp(name: str) -> Stamp | None:
    """Through symbolic links."""
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _content(name: str) -> bytes | None:
    try:
        return Path(name).read_bytes()
    except OSError:
        return None


def _digest(content: bytes | None) -> bytes | None:
    return None if content is None else hashlib.sha256(content).digest()
