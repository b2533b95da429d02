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
    """A regular file, or a descriptor already non-blocking."""

    def __init__(self, fd: int, *, owned: bool = False) -> None:
        self._fd = fd
        self._owned = owned

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        if self._owned:
            os.close(self._fd)


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


class PolledSink:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, data: bytes) -> int:
        done = 0
        while done < len(data) and self._poll.poll(0):
            done += os.write(self._fd, data[done : done + PIPE_BUF])
        return done

    def close(self) -> None:
        return None


def open_sink(fd: int) -> Sink:
    """The sink that fits what `fd` is. Raises OSError when it is closed."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return SocketSink(fd)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return FileSink(fd)
    try:
        return FileSink(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), owned=True)
    except OSError:
        return PolledSink(fd)


_: tuple[type[Sink], ...] = (FileSink, SocketSink, PolledSink)
