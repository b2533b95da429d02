"""Log lines on their way out: gathered, written at most 50 ms later, dropped (oldest first, counted) when nobody reads.

A write system call a line would cost 2 µs of each request; one for all lines of 50 ms costs nothing to speak of.
"""

import asyncio
import atexit
import threading
import time
from collections import deque

from proxy.telemetry.sink import Sink

FLUSH_S = 0.05
FLUSH_BYTES = 64 * 1024
MAX_BYTES = 4 * 1024 * 1024
"""Held for a reader that has stopped: some 8 000 access log lines."""


class LogBuffer:
    """`put` from the event loop's thread gathers; from another thread, or before the loop runs, it writes at once."""

    def __init__(self, sink: Sink, *, max_bytes: int = MAX_BYTES, flush_s: float = FLUSH_S) -> None:
        self.dropped = 0
        """Lines lost since the start."""
        self._sink = sink
        self._max = max_bytes
        self._flush_s = flush_s
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._cut = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lock = threading.RLock()
        self._blocked = False
        self._gone = False
        self._closed = False
        atexit.register(self.close)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on lines are gathered and this loop's timer writes them."""
        self._loop = loop

    def detach(self) -> None:
        """Write what there is; later lines go out at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop = None
        self.flush()

    def put(self, line: bytes) -> None:
        """`line` ends in a newline."""
        self._lines.append(line)
        self._size += len(line)
        if self._timer is not None and self._size < FLUSH_BYTES:
            return
        self._schedule()

    def flush(self) -> None:
        """One attempt; what the reader does not take stays."""
        with self._lock:
            if self._gone:
                self._discard()
                return
            try:
                while self._lines or self._cut:
                    if not self._write_some():
                        break
            except OSError:
                self._gone = True
                self._discard()

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what can be written within `timeout_s`; at exit, also after a crash."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self.detach()
        until = time.monotonic() + timeout_s
        while (self._lines or self._cut) and time.monotonic() < until:
            time.sleep(0.01)
            self.flush()
        self._sink.close()

    def _schedule(self) -> None:
        loop = self._loop
        if loop is None or not _runs_here(loop):
            self.flush()
        elif self._blocked:
            self._trim()
        else:
            if self._size >= FLUSH_BYTES:
                self.flush()
            if self._timer is None:
                self._timer = loop.call_later(self._flush_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._blocked = False
        self.flush()
        if self._lines or self._cut:
            self._timer = asyncio.get_running_loop().call_later(self._flush_s, self._on_timer)

    def _write_some(self) -> bool:
        """Whether the reader took everything offered. The rest of a line that was cut goes first and is never dropped."""
        taken = self._take()
        data = self._cut + b"".join(taken)
        try:
            done = self._sink.write(data)
        except OSError:
            self.dropped += len(taken)
            raise
        rest = data[done:]
        if rest:
            self._keep(rest, fresh_line=done == 0 and not self._cut)
            return False
        self._cut = b""
        return True

    def _take(self) -> list[bytes]:
        taken: list[bytes] = []
        size = 0
        while self._lines and size < FLUSH_BYTES:
            line = self._lines.popleft()
            size += len(line)
            taken.append(line)
        self._size = self._size - size if self._lines else 0
        return taken

    def _keep(self, rest: bytes, *, fresh_line: bool) -> None:
        """Back into the buffer: the cut line apart, whole ones in front; then the oldest go if there are too many."""
        lines = rest.splitlines(keepends=True)
        self._cut = b"" if fresh_line else lines.pop(0)
        self._lines.extendleft(reversed(lines))
        self._size += sum(map(len, lines))
        self._blocked = True
        self._trim()

    def _trim(self) -> None:
        while self._size > self._max and self._lines:
            self._size -= len(self._lines.popleft())
            self.dropped += 1

    def _discard(self) -> None:
        self.dropped += len(self._lines)
        self._lines.clear()
        self._size = 0
        self._cut = b""


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
