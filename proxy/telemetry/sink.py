"""Writing to standard output without ever waiting for its reader.

A blocking write to a full pipe would stop the event loop, and O_NONBLOCK on the inherited descriptor would change it for every process that
shares it (the shell's terminal). So: a pipe or terminal is opened anew through /proc/self/fd, where the flag is ours alone; a socket is
sent to with MSG_DONTWAIT; a regular file takes what it is given. Where a pipe cannot be opened anew (another user's), `poll` is asked
before each piece of PIPE_BUF bytes, which a writable pipe takes without blocking.
"""

import os
import select
import socket
import stat
from typing import Protocol

PIPE_BUF = select.PIPE_BUF


class Sink(Protocol):
    def write(self, data: bytes) -> int:
        """How many bytes were taken (0: the reader is not keeping up). Raises OSError when the reader is gone for good."""
        ...

    def close(self) -> None: ...


class FileSink:
    """A regular file takes what it is given."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def close(self) -> None:
        return None


class SocketSink:
    def __init__(self, fd: int) -> None:
        self._sock = socket.socket(fileno=os.dup(fd))

    def write(self, data: bytes) -> int:
        try:
            return self._sock.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._sock.close()


class PipeSink:
    """Whole lines in pieces of at most PIPE_BUF bytes, which a pipe takes at once or not at all: workers share one, and their lines
    must not run into each other. `polled`: the descriptor blocks, so it is asked first."""

    def __init__(self, fd: int, *, polled: bool) -> None:
        self._fd = fd
        self._poll: select.poll | None = None
        if polled:
            self._poll = select.poll()
            self._poll.register(fd, select.POLLOUT)

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        done = 0
        while done < len(data):
            end = _piece(data, done)
            if self._poll is not None and not self._poll.poll(0):
                break
            try:
                taken = os.write(self._fd, view[done:end])
            except BlockingIOError:
                break
            done += taken
            if done < end:
                break
        return done

    def close(self) -> None:
        if self._poll is None:
            os.close(self._fd)


def _piece(data: bytes, start: int) -> int:
    """End of the longest run of whole lines from `start` within PIPE_BUF bytes (of one line that is longer: its first PIPE_BUF)."""
    limit = start + PIPE_BUF
    if limit >= len(data):
        return len(data)
    cut = data.rfind(b"\n", start, limit) + 1
    return cut or limit


def open_sink(fd: int) -> Sink:
    """The sink that fits what `fd` is. Raises OSError when it is closed."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return SocketSink(fd)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return FileSink(fd)
    try:
        own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return PipeSink(fd, polled=True)
    return PipeSink(own, polled=False)


_: tuple[type[Sink], ...] = (FileSink, SocketSink, PipeSink)
