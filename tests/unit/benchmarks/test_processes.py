"""Starting, measuring and ending processes."""

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import Managed, StartError, descendants, free_port, pinned, wait_ready

PARENT = """import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("up", flush=True)
time.sleep(60)
"""
BUSY = "x = sum(i * i for i in range(3_000_000)); import time; print('done', flush=True); time.sleep(60)"


def until_said(process: Managed, word: str) -> None:
    deadline = time.monotonic() + 30
    while word not in process.log.read_text():
        assert time.monotonic() < deadline, process.tail()
        time.sleep(0.01)


def start(tmp_path: Path, code: str) -> Managed:
    return Managed([sys.executable, "-c", code], log=tmp_path / "log")


def test_tree(tmp_path: Path) -> None:
    """Children are found, measured, and end with the process."""
    process = start(tmp_path, PARENT)
    try:
        until_said(process, "up")
        pids = process.pids()
        assert len(pids) == 2
        assert len(process.rss_mb()) == 2
        assert process.peak_rss_mb() > 4
        assert process.open_files() >= 6
        assert process.threads() >= 2
    finally:
        process.stop(grace_s=5)
    assert not process.running()
    assert process.open_files() == 0
    assert not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids)


def test_cpu_time(tmp_path: Path) -> None:
    """CPU time grows with work and stands still with a stopped process."""
    process = start(tmp_path, BUSY)
    try:
        until_said(process, "done")
        process.pause()
        spent = process.cpu_s()
        assert spent > 0.03
        assert process.cpu_s() - spent < 0.01
        process.resume()
    finally:
        process.stop(grace_s=5)
    assert process.cpu_s() == 0.0


def test_ended_at_once(tmp_path: Path) -> None:
    """A process that ends instead of serving is reported with the end of its output."""
    process = start(tmp_path, "print('no such file'); raise SystemExit(3)")
    with pytest.raises(StartError, match="no such file"):
        wait_ready(process, free_port(), "/", limit_s=30)
    process.stop()


def test_never_ready(tmp_path: Path) -> None:
    """A process that does not listen in time is reported."""
    process = start(tmp_path, "import time; time.sleep(60)")
    try:
        with pytest.raises(StartError, match="not ready"):
            wait_ready(process, free_port(), "/", limit_s=0.1)
    finally:
        process.stop(grace_s=5)


def test_pinning_is_undone() -> None:
    """Cores hold only inside the block; no cores: no change."""
    before = os.sched_getaffinity(0)
    with pinned([min(before)]):
        assert os.sched_getaffinity(0) == {min(before)}
    with pinned([]):
        assert os.sched_getaffinity(0) == before
    assert os.sched_getaffinity(0) == before


def test_no_such_process() -> None:
    """A process that is gone has no tree."""
    assert descendants(2**22 - 1) == []
