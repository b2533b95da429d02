"""Two real gateway processes with one record store: what is administered at one is used at the other."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.support.edge_process import EdgeProcess
from tests.support.gateway import ADMIN_KEY, KEY, chat_body
from tests.support.serving import ROOT

SECRET = "a-signing-secret-of-two-gateways-0123456789"
WITHIN_S = 1.0
"""Promised, where they share a Redis."""


class Pair:
    """`one` administers, `other` is used."""

    def __init__(
        self, directory: Path, one: EdgeProcess, other: EdgeProcess, client: httpx2.AsyncClient, asks: dict[str, Any] | None = None
    ) -> None:
        self.directory = directory
        self.one = one
        self.other = other
        self._client = client
        self._asks = asks or {}

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{self.one.port}/v1/admin{path}"
        answer = await self._client.request(method, url, json=body, headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def key(self, **own: Any) -> tuple[str, str]:
        """Its id, and itself."""
        made = await self.admin("POST", "/api-keys", {"role": "client", **own})
        return made["key_id"], made["api_key"]

    async def ask(self, key: str, edge: EdgeProcess | None = None) -> httpx2.Response:
        """`edge`: the other one, if it is not said."""
        url = f"http://127.0.0.1:{(edge or self.other).port}/v1/chat/completions"
        return await self._client.post(url, json=chat_body(**self._asks), headers={"authorization": f"Bearer {key}"})

    async def until(self, key: str, status: int, within_s: float = WITHIN_S) -> float:
        """Seconds until the other answers so, under constant traffic of two clients."""
        began = time.monotonic()

        async def hammer() -> float:
            while (await self.ask(key)).status_code != status:
                assert time.monotonic() - began < within_s + 5, "never"
                await asyncio.sleep(0.005)
            return time.monotonic() - began

        return max(await asyncio.gather(hammer(), hammer()))

    async def command(self, *args: str) -> str:
        """What `llm-edge ...` prints, on the record store of both."""
        command = [sys.executable, "-m", "proxy", *args, "--config", str(self.one.config)]
        env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        done = await asyncio.to_thread(subprocess.run, command, env=env, cwd=self.directory, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@asynccontextmanager
async def pair(
    directory: Path, *, redis: str | None, auth: dict[str, Any], asks: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Pair]:
    """`auth`: beside the keys and the secret; `asks`: what is in each request's body; `more`: of the configuration."""
    more = {"providers": {"echo": {"kind": "echo"}}, **more}
    edges = []
    for name in ("one", "other"):
        (directory / name).mkdir()
        edges.append(
            EdgeProcess(
                directory / name / "edge.yaml",
                auth={"static_keys": [KEY], "admin_key": ADMIN_KEY, "signing_secret": SECRET, **auth},
                stores={"records": f"sqlite:///{directory}/records.db", **({"redis": redis} if redis else {})},
                cache={"enabled": False, "l2": {"op_timeout_ms": 5000}},
                **more,
            )
        )
    with edges[0], edges[1]:
        for edge in edges:
            await asyncio.to_thread(edge.wait_for, "ready")
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
            yield Pair(directory, edges[0], edges[1], client, asks)
