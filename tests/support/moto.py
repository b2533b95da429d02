"""moto's server on loopback: DynamoDB's API, which a test can kill, stall and start again at the same address. Its data is lost."""

import importlib.util
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from tests.support.require import missing, require
from tests.support.valkey import free_port

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example-secret", "AWS_EC2_METADATA_DISABLED": "true"}
"""What a client of it needs."""


class Moto:
    """`with Moto() as server:` … `server.url()`; each URL has tables of its own."""

    def __init__(self) -> None:
        require("botocore", "the AWS SDK (requirements of the test extra)")
        if importlib.util.find_spec("moto") is None:
            missing("moto", "a server with DynamoDB's API (requirements of the test extra)")
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def url(self, **parameters: object) -> str:
        n = next(self._numbers)
        given = {"endpoint": self.endpoint, "table": f"records-{n}", "plans_table": f"plans-{n}", "logs_table": f"logs-{n}"}
        query = "&".join(f"{name}={value}" for name, value in (given | parameters).items())
        return f"dynamodb://eu-west-1?{query}"

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.support.moto_main", str(self.port)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("moto_server did not start") from None
                time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def stall(self) -> None:
        """The process stops: connections stay, connects succeed, nothing answers."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> "Moto":
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
