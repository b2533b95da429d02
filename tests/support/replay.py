"""The replay upstream of the recorded traffic, where the machine has it (it stands outside of the project)."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.shared_corpus import shared_dir


@contextlib.contextmanager
def replay_server(*options: str) -> Iterator[str]:
    """Base URL of a running replay server; skips the test where there is none."""
    script = shared_dir() / "recorded" / "replay_server.py"
    if not script.exists():
        pytest.skip(f"no recorded traffic in {shared_dir()} (set LLM_EDGE_SHARED)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [sys.executable, script.name, "--port", str(port), "--miss-status", "422", *options],
        cwd=script.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the replay server ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/__replay/health") as answer:
            if json.load(answer)["ok"]:
                return
        time.sleep(0.05)
    raise AssertionError("the replay server did not start")


def cross_cases(client: str, upstream: str) -> list[dict[str, Any]]:
    path = shared_dir() / "recorded" / "cross_cases.json"
    if not path.exists():
        return []
    return [case for case in json.loads(path.read_bytes()) if (case["client"], case["upstream"]) == (client, upstream)]
