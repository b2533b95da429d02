"""A write-ahead log of this process: what it was told survives the process, and an outage of where it is to go (contract R).

    <root>/<writer>/lock           held as long as the writer lives; who can lock it has found an orphan
    <root>/<writer>/00000001.log   segments of lines (`spool_lines`), written at once, synced every 200 ms by whoever owns the spool
    <root>/<writer>/done           how far it has been delivered

A crash of the process loses nothing that was written; a power cut what was written since the last sync. A delivery that is done twice, as
one may be after a crash, is told by its ids. Loss of the disk: lines wait in memory, up to `max_unwritten` of them, and the count of those
that were lost is kept (`lost`); a request is never refused for it.

Source: flock(2), and the append-only segments of any log-structured store.
"""

import fcntl
import os
import shutil
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from proxy.bus.spool_lines import Line, pack, unpack

SEGMENT_BYTES = 4 * 1024 * 1024
READ_BYTES = 256 * 1024
MAX_UNWRITTEN = 50_000
MAX_RECENT = 5_000
"""Payloads kept in memory for the next delivery, so that what this process has just written is not read and parsed again."""
_SUFFIX = ".log"
_UNBORN = ".new-"
_UNBORN_S = 60.0
"""A folder that has had no name for so long never will."""
_DONE = b"%08d %016d\n"


class Position(NamedTuple):
    segment: int
    offset: int


class Batch(NamedTuple):
    payloads: list[bytes]
    until: Position


class Spool:
    """For one thread; `read` and `sync` may run in another. `root` is made, its folders for the owner only."""

    def __init__(self, root: Path, *, segment_bytes: int = SEGMENT_BYTES, max_unwritten: int = MAX_UNWRITTEN) -> None:
        """Raises OSError."""
        self.folder = root / f"{os.getpid()}-{token_hex(6)}"
        self._segment_bytes = segment_bytes
        self._max_unwritten = max_unwritten
        self._open: dict[str, bytes] = {}
        """Lines of what was begun and has not ended."""
        self._unwritten: deque[bytes] = deque()
        self._recent: list[bytes] = []
        self.lost = 0
        self._dirty = False
        self._full: list[int] = []
        """Segments that are written no more and still to be synced."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = root / f"{_UNBORN}{self.folder.name}"  # it gets its name when it is locked: nobody can take it for an orphan between the two
        made.mkdir(mode=0o700)
        self._lock = _locked(made)
        if self._lock is None:
            raise OSError(f"{made} is in use")
        made.rename(self.folder)
        self._number = self._size = 0
        self._file = -1
        self._rotate()
        self._delivered = self._recent_from = Position(1, 0)
        self._done = os.open(self.folder / "done", os.O_CREAT | os.O_WRONLY, 0o600)

    @property
    def root(self) -> Path:
        return self.folder.parent

    @property
    def until(self) -> Position:
        """Where the next line goes."""
        return Position(self._number, self._size)

    @property
    def behind(self) -> bool:
        """Something may be there to be delivered."""
        return self._delivered != self.until

    @property
    def unwritten(self) -> int:
        """Lines that wait in memory for the disk."""
        return len(self._unwritten)

    @property
    def backlog_bytes(self) -> int:
        """Written and not known to be delivered, intents among it."""
        size = self._size - self._delivered.offset if self._number == self._delivered.segment else self._size
        for number in range(self._delivered.segment, self._number):
            with suppress(OSError):
                size += (self.folder / _name(number)).stat().st_size - (self._delivered.offset if number == self._delivered.segment else 0)
        return size

    def begin(self, id_: str, payload: bytes) -> None:
        """What will be owed if nothing more is heard of it."""
        line = self._open[id_] = pack(b"b", id_.encode(), payload)
        if self._unwritten or self._size >= self._segment_bytes or not self._put(line):
            self._write(line)

    def end(self, id_: str, payload: bytes) -> None:
        self.end_all([(id_, payload)])

    def end_all(self, ended: Sequence[tuple[str, bytes]]) -> None:
        """In one write."""
        lines = []
        for id_, payload in ended:
            self._open.pop(id_, None)
            lines.append(pack(b"e", id_.encode(), payload))
        if self._unwritten or not self._put(b"".join(lines)):
            for line in lines:
                self._write(line)
            self._forget()
            return
        self._recent += [payload for _, payload in ended]
        if len(self._recent) > MAX_RECENT:
            self._forget()
        if self._size >= self._segment_bytes:
            self._rotate()

    def sync(self) -> None:
        """Everything that was written is on the disk then. Raises nothing."""
        while self._full:
            file = self._full.pop(0)
            with suppress(OSError):
                os.fdatasync(file)
            os.close(file)
        if self._dirty and self._file >= 0:
            self._dirty = False
            with suppress(OSError):
                os.fdatasync(self._file)

    def recent(self) -> Batch | None:
        """As `read`, all of it and out of memory; None: it has to be read. Given once: if it is not delivered, it has to be read then."""
        if self._recent_from != self._delivered:
            return None
        payloads = self._recent
        self._forget()
        return Batch(payloads, self._recent_from)

    def read(self, most: int = 500) -> Batch:
        """What has ended and not been delivered, in order; at least what was written before the call, or before what `recent` will give."""
        until = self._recent_from if self._delivered < self._recent_from else self.until
        return read_from(self.folder, self._delivered, most, until=until)

    def delivered(self, until: Position) -> None:
        """What `read` gave is where it should be."""
        for number in range(self._delivered.segment, until.segment):
            with suppress(OSError):
                (self.folder / _name(number)).unlink()
        self._delivered = until
        if until > self._recent_from:
            self._forget()
        with suppress(OSError):
            os.pwrite(self._done, _DONE % until, 0)

    def close(self) -> int:
        """How many lines have not been delivered, intents among them: they stay for whoever adopts them. Nothing is left of a spool that
        owes nothing."""
        if self._file < 0:
            return 0
        self._flush()
        self.sync()
        left = _count(self.folder, self._delivered) + len(self._open) + len(self._unwritten)
        os.close(self._file)
        os.close(self._done)
        self._file = -1
        if not left:
            _remove(self.folder)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        return left

    def _write(self, line: bytes) -> None:
        if self._unwritten:
            self._wait(line)
            self._flush()
        elif not self._put(line):
            self._wait(line)
        if self._size >= self._segment_bytes:
            self._rotate()

    def _wait(self, line: bytes) -> None:
        if len(self._unwritten) >= self._max_unwritten:
            self._unwritten.popleft()
            self.lost += 1
        self._unwritten.append(line)

    def _flush(self) -> None:
        while self._unwritten and self._put(self._unwritten[0]):
            self._unwritten.popleft()
            self._forget()

    def _forget(self) -> None:
        """What has been written so far has to be read if it is wanted; what comes is kept."""
        self._recent, self._recent_from = [], self.until

    def _put(self, line: bytes) -> bool:
        """False: it is not there, and no part of it either."""
        try:
            written = os.write(self._file, line)
        except OSError:
            return False
        if written < len(line):
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
            return False
        self._size += written
        self._dirty = True
        return True

    def _rotate(self) -> None:
        """The next segment begins with what is still open, so that older ones can go."""
        try:
            file = os.open(self.folder / _name(self._number + 1), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        except OSError:
            if self._file < 0:
                raise
            return  # the disk is full or gone: the old one grows
        if self._file >= 0:
            self._full.append(self._file)
        self._file, self._number, self._size = file, self._number + 1, 0
        for line in list(self._open.values()):
            if not self._put(line):
                self._wait(line)


class Orphan:
    """What a writer left behind that lives no more. Holds its lock until it is closed."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock = lock
        self._delivered = _position(folder)

    @property
    def until(self) -> Position | None:
        """Nobody knows before it is read."""
        return None

    def recent(self) -> Batch | None:
        """Nothing is in memory."""
        return None

    def read(self, most: int = 500) -> Batch:
        """As `Spool.read`."""
        return read_from(self.folder, self._delivered, most)

    def delivered(self, until: Position) -> None:
        self._delivered = until
        with suppress(OSError):
            (self.folder / "done").write_bytes(_DONE % until)

    def begun(self) -> list[bytes]:
        """Payloads of what was begun and of whose end nothing is known."""
        open_: dict[str, bytes] = {}
        for number in _numbers(self.folder):
            for line in unpack((self.folder / _name(number)).read_bytes()):
                if line.kind == "b":
                    open_[line.id] = line.payload
                else:
                    open_.pop(line.id, None)
        return list(open_.values())

    def remove(self) -> None:
        """All of it has been delivered."""
        _remove(self.folder)
        self.close()

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def orphans(root: Path) -> list[Orphan]:
    """Those that nobody else is looking after; to be closed or removed."""
    found = []
    try:
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not _is_unborn(entry))
    except OSError:
        return []
    for folder in folders:
        lock = _locked(folder)
        if lock is not None:
            if folder.exists():
                found.append(Orphan(folder, lock))
            else:
                os.close(lock)
    return found


def _remove(folder: Path) -> None:
    """First its name: whoever looks for orphans just now would make its lock anew."""
    gone = folder.with_name(f"{_UNBORN}{folder.name}")
    with suppress(OSError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _is_unborn(folder: Path) -> bool:
    if not folder.name.startswith(_UNBORN):
        return False
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime > _UNBORN_S:
            shutil.rmtree(folder, ignore_errors=True)
    return True


def read_from(folder: Path, start: Position, most: int, until: Position | None = None) -> Batch:
    """At most `most` payloads of what has ended. Raises OSError."""
    payloads: list[bytes] = []
    at = start
    for number in [n for n in _numbers(folder) if n >= start.segment and (until is None or n <= until.segment)]:
        if number != at.segment:
            at = Position(number, 0)
        size = until.offset if until is not None and number == until.segment else None
        for line, position in _lines(folder / _name(number), at, size):
            at = position
            if line is not None and line.kind == "e":
                payloads.append(line.payload)
                if len(payloads) >= most:
                    return Batch(payloads, at)
    return Batch(payloads, at)


def _lines(path: Path, start: Position, size: int | None) -> list[tuple[Line | None, Position]]:
    """Of one segment from `start`, at most `READ_BYTES` and a line more."""
    with path.open("rb") as file:
        file.seek(start.offset)
        limit = READ_BYTES if size is None else min(READ_BYTES, size - start.offset)
        data = file.read(max(0, limit))
        if data and not data.endswith(b"\n") and len(data) == limit:
            data += file.readline()
    found: list[tuple[Line | None, Position]] = [(line, Position(start.segment, start.offset + line.end)) for line in unpack(data)]
    whole = data.rfind(b"\n") + 1
    if whole and (not found or found[-1][1].offset < start.offset + whole):
        found.append((None, Position(start.segment, start.offset + whole)))  # behind a torn line
    return found


def _count(folder: Path, start: Position) -> int:
    count = 0
    while (batch := read_from(folder, start, 10_000)).until != start:
        count += len(batch.payloads)
        start = batch.until
    return count


def _locked(folder: Path) -> int | None:
    """The lock's descriptor; None: somebody has it, or the folder is gone."""
    try:
        file = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _position(folder: Path) -> Position:
    try:
        segment, offset = (folder / "done").read_bytes().split()
        return Position(int(segment), int(offset))
    except (OSError, ValueError):
        return Position(1, 0)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*" + _SUFFIX) if path.stem.isdigit())


def _name(number: int) -> str:
    return f"{number:08d}{_SUFFIX}"
