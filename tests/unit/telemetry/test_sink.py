"""Descriptors of every kind, and readers that do not keep up."""

import os
import pty
import socket
from pathlib import Path

import pytest

from proxy.telemetry import sink as module
from proxy.telemetry.sink import FileSink, PipeSink, Sink, SocketSink, open_sink


def fill(sink: Sink) -> int:
    """Bytes taken until the reader's side is full."""
    total = 0
    while taken := sink.write(b"x" * 1023 + b"\n"):
        total += taken
    return total


def test_a_file_takes_everything(tmp_path: Path) -> None:
    """At its descriptor's place."""
    with (tmp_path / "log").open("wb") as file:
        sink = open_sink(file.fileno())
        assert isinstance(sink, FileSink)
        assert sink.write(b"x" * 200_000) == 200_000
        sink.close()
    assert (tmp_path / "log").stat().st_size == 200_000


@pytest.mark.parametrize("polled", [False, True])
def test_a_full_pipe_does_not_block(polled: bool) -> None:
    """Whole lines up to what fits, then nothing; the flag of the shared descriptor is untouched."""
    reader, writer = os.pipe()
    sink = PipeSink(writer, polled=True) if polled else open_sink(writer)
    assert isinstance(sink, PipeSink)
    taken = fill(sink)
    assert taken > 0
    assert os.get_blocking(writer)
    left = taken
    while left:
        piece = os.read(reader, 65536)
        assert piece.endswith(b"x" * 1023 + b"\n")
        left -= len(piece)
    assert sink.write(b"again\n") == 6
    sink.close()
    os.close(writer)
    os.close(reader)


def test_pieces_end_with_lines() -> None:
    """A pipe takes up to PIPE_BUF bytes at once or not at all, so no line of two writers is mixed."""
    lines = b"".join(b"%04d" % n * 200 + b"\n" for n in range(30))
    start, pieces = 0, []
    while start < len(lines):
        end = module._piece(lines, start)
        pieces.append(lines[start:end])
        start = end
    assert b"".join(pieces) == lines
    assert all(len(piece) <= module.PIPE_BUF and piece.endswith(b"\n") for piece in pieces)


def test_a_line_longer_than_a_piece_is_cut() -> None:
    """There is no other way."""
    assert module._piece(b"x" * 10_000 + b"\n", 0) == module.PIPE_BUF


def test_a_full_socket_does_not_block() -> None:
    """As standard output is under some service managers."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sink = open_sink(ours.fileno())
        assert isinstance(sink, SocketSink)
        assert fill(sink) > 0
        assert ours.getblocking()
        sink.close()


def test_a_terminal() -> None:
    """Opened anew like a pipe."""
    leader, follower = pty.openpty()
    sink = open_sink(follower)
    assert isinstance(sink, PipeSink)
    assert sink.write(b"line\n") == 5
    assert os.read(leader, 100) == b"line\r\n"
    sink.close()
    os.close(follower)
    os.close(leader)


@pytest.mark.parametrize("kind", ["pipe", "polled", "socket"])
def test_a_reader_that_is_gone_raises(kind: str) -> None:
    """No signal kills the process."""
    if kind == "socket":
        ours, theirs = socket.socketpair()
        theirs.close()
        sink: Sink = open_sink(ours.fileno())
        with ours, pytest.raises(OSError):
            sink.write(b"x\n")
        sink.close()
        return
    reader, writer = os.pipe()
    sink = open_sink(writer) if kind == "pipe" else PipeSink(writer, polled=True)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        sink.write(b"x\n")
    sink.close()
    os.close(writer)


def test_a_pipe_that_cannot_be_opened_anew_is_polled() -> None:
    """With its reader gone, opening for writing without blocking fails (ENXIO); so it does for another user's pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    sink = open_sink(writer)
    assert isinstance(sink, PipeSink)
    sink.close()
    os.close(writer)


def test_a_closed_descriptor_is_an_error() -> None:
    """Said at once."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError):
        open_sink(writer)
