"""Starting, pinning, measuring and ending processes that we started. Linux."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class StartError(RuntimeError):
    """A process ended early or was not ready in time; the message ends with the tail of its output."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Processes started inside inherit the cores, from their first instruction on. Empty: no pinning."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def end_by_pipe(process: "subprocess.Popen[bytes] | subprocess.Popen[str]", wait_s: float = 5.0) -> None:
    """Of a helper that ends when its standard input does; one that does not is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


class Managed:
    """A process and its descendants, in a session of their own. Output goes to `log`."""

    def __init__(
        self, command: Sequence[str], *, log: Path, cores: Sequence[int] = (), env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.command = list(command)
        self.log = log
        self.spawned_at = time.monotonic()
        with log.open("wb") as out, pinned(cores):
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd, start_new_session=True
            )
        self.pid = self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def how_it_ended(self) -> str:
        """Of one that has ended by itself, or was ended by somebody else."""
        code = self._process.poll()
        if code is None:
            return "still running"
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def tail(self, lines: int = 12) -> str:
        text = self.log.read_text("utf-8", "replace").splitlines()[-lines:]
        return "\n".join(line if len(line) <= 400 else f"… {line[-400:]}" for line in text)

    def pids(self) -> list[int]:
        """The process and all its living descendants."""
        return descendants(self.pid)

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of the whole tree since its start, reaped children included."""
        return sum(_cpu_s(pid) for pid in self.pids())

    def rss_mb(self) -> list[float]:
        """Resident MB of each process of the tree."""
        return [_status_kb(pid, "VmRSS") / 1024 for pid in self.pids()]

    def peak_rss_mb(self) -> float:
        """Sum over the tree of each process's largest resident size."""
        return sum(_status_kb(pid, "VmHWM") for pid in self.pids()) / 1024

    def open_files(self) -> int:
        return sum(_count(Path(f"/proc/{pid}/fd")) for pid in self.pids())

    def threads(self) -> int:
        return sum(_count(Path(f"/proc/{pid}/task")) for pid in self.pids())

    def pause(self) -> None:
        """Stop the tree, so that its idle work does not disturb the measurement of another."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9` of the tree; it is gone when this returns."""
        self._signal_all(signal.SIGKILL)
        self._process.wait(10)

    def stop(self, *, grace_s: float = 15.0) -> None:
        """SIGTERM to the root, SIGKILL to what is left of the tree after the grace."""
        self.resume()
        tree = self.pids()
        if self.running():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        for pid in tree:
            if _session(pid) == self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait(10)
        deadline = time.monotonic() + 5
        while any(_session(pid) == self.pid for pid in tree) and time.monotonic() < deadline:
            time.sleep(0.005)

    def _signal_all(self, number: int) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def descendants(root: int) -> list[int]:
    """`root` and its living descendants; empty when it is gone."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and (fields := _stat(int(entry))) is not None and fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [root] if Path(f"/proc/{root}").exists() else []
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; the command's name may hold blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _session(pid: int) -> int | None:
    """None: gone, or dead and not yet reaped."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[3])


def _cpu_s(pid: int) -> float:
    """Own time from the process's CPU clock (nanoseconds, all threads, ended ones too), children's from the tick counters.

    Source: clock_getcpuclockid(3); the kernel encodes the clock of a process as ~pid << 3 | 2, read 2026-11-22.
    """
    fields = _stat(pid)
    if fields is None:
        return 0.0
    try:
        own = time.clock_gettime(~pid << 3 | 2)
    except OSError:
        own = (int(fields[11]) + int(fields[12])) * _TICK_S
    return own + (int(fields[13]) + int(fields[14])) * _TICK_S


def _status_kb(pid: int, name: str) -> float:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith(name + ":"):
                return float(line.split()[1])
    return 0.0


def _count(directory: Path) -> int:
    try:
        return len(os.listdir(directory))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def wait_ready(process: Managed, port: int, path: str, *, limit_s: float) -> float:
    """Seconds from the spawn to the first 200 of GET `path`, asked every 5 ms. Raises StartError."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    while (waited := time.monotonic() - process.spawned_at) < limit_s:
        if not process.running():
            raise StartError(f"{process.command[0]} ended at once:\n{process.tail()}")
        if _answers_200(port, request):
            return time.monotonic() - process.spawned_at
        time.sleep(0.005)
    raise StartError(f"{process.command[0]} was not ready within {waited:.0f} s:\n{process.tail()}")


def _answers_200(port: int, request: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def get(port: int, path: str, *, timeout_s: float = 10.0) -> str:
    """Body of GET `path`, read to the end of the connection."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAccept: text/plain\r\n\r\n".encode()
    pieces: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(request)
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces).partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
