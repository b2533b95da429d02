"""The gateway as a process over Postgres and DynamoDB: from an empty store to an outage and back."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support import moto
from tests.support.edge_process import EdgeProcess
from tests.support.postgres import Postgres
from tests.support.serving import ROOT

SECRET = "a-signing-secret-of-32-characters"
BODY = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=["postgres", "dynamodb"])
async def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postgres | moto.Moto]:
    for name, value in moto.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with Postgres() if request.param == "postgres" else moto.Moto() as running:
        yield running


def command(config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "proxy", *words, "--config", str(config)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=config.parent, env=env, capture_output=True, text=True, timeout=60, check=False)


async def test_from_an_empty_store_to_an_outage_and_back(server: Postgres | moto.Moto, tmp_path: Path) -> None:
    """Not ready before the upgrade, and says what to run; keys made by the command work at once; a lost store is 503 for keys that are
    not known, never 401, while known and static keys work; and it heals by itself."""
    url = server.database() if isinstance(server, Postgres) else server.url(timeout_ms=5000)
    config = tmp_path / "edge.yaml"
    values: dict[str, Any] = {
        "providers": {"echo": {"kind": "echo"}},
        "stores": {"records": url},
        "auth": {"static_keys": ["static-key-1"], "signing_secret": SECRET, "key_cache_ttl_s": 60},
    }
    with EdgeProcess(config, **values) as edge:
        port = await asyncio.to_thread(lambda: edge.port)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def status(key: str) -> int:
                answer = await client.post("/v1/chat/completions", json=BODY, headers={"Authorization": f"Bearer {key}"})
                return answer.status_code

            waiting = await client.get("/readyz")
            assert waiting.status_code == 503
            assert "llm-edge db upgrade" in waiting.json()["error"]
            assert (await asyncio.to_thread(command, config, "keys", "create")).returncode == 1
            assert (await asyncio.to_thread(command, config, "db", "upgrade")).returncode == 0
            async with asyncio.timeout(15):
                while (await client.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.1)
            known, other = [(await asyncio.to_thread(command, config, "keys", "create")).stdout.strip() for _ in range(2)]
            assert await status(known) == 200
            assert await status("static-key-1") == 200
            findings = (await asyncio.to_thread(command, config, "doctor")).stdout
            assert "is writable" in findings
            server.kill()
            assert [await status(key) for key in (known, "static-key-1", other)] == [200, 200, 503]
            assert "not available" in (await asyncio.to_thread(command, config, "doctor")).stdout
            server.start()
            if isinstance(server, Postgres):
                async with asyncio.timeout(15):
                    while await status(other) != 200:
                        await asyncio.sleep(0.1)
