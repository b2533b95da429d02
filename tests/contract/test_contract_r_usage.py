"""Contract R: nothing lost. Here: usage records. They survive SIGKILL and a record store that is gone for a while, and each counts once.

Audit events come with part 5; a full disk under the spool is in tests/unit/bus/test_spool.py.
"""

import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from proxy.core.lifecycle import OWING
from tests.support.edge_process import EdgeProcess
from tests.support.gateway import KEY, chat_body
from tests.support.upstream import Call, Upstream, chat, json_answer

MODEL = {"smart": {"targets": [{"provider": "up", "model": "gpt-4o"}]}}
HEADERS = {"authorization": f"Bearer {KEY}"}


def config(upstream: str) -> dict[str, object]:
    provider = {"kind": "openai", "base_url": f"{upstream}/v1", "api_keys": ["sk-x"]}
    return {"providers": {"up": provider}, "models": MODEL, "cache": {"enabled": False}}


def rows(db: Path) -> list[dict[str, object]]:
    if not db.exists():
        return []
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection, connection:
        return [json.loads(row[0]) for row in connection.execute("SELECT body FROM usage_records ORDER BY id")]


async def until_rows(db: Path, count: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + 30
    while len(found := await asyncio.to_thread(rows, db)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        await asyncio.sleep(0.02)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


async def test_a_killed_gateway_has_lost_no_record(home: Path) -> None:
    """Answered requests are records; the one under way is an unknown one; the next process delivers both, once."""
    started = asyncio.Event()

    async def handle(call: Call) -> None:
        if call.json["messages"][0]["content"] == "slow":
            started.set()
            await call.until_gone()
        else:
            await json_answer(chat("ok"))(call)

    async with Upstream() as upstream:
        upstream.on(handle)
        with EdgeProcess(home / "config.yaml", **config(upstream.url)) as edge:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=HEADERS, timeout=30) as client:
                slow = asyncio.ensure_future(client.post("/v1/chat/completions", json=chat_body("slow", model="smart")))
                await started.wait()
                answers = await asyncio.gather(
                    *(client.post("/v1/chat/completions", json=chat_body(f"q {n}", model="smart")) for n in range(50))
                )
                edge.process.kill()
                with pytest.raises(httpx2.HTTPError):
                    await slow
        ids = {answer.headers["x-request-id"] for answer in answers}
        assert {answer.status_code for answer in answers} == {200}
        with EdgeProcess(home / "config.yaml", **config(upstream.url)):
            found = await until_rows(home / "records.db", 51)
        assert len(found) == 51
        unknown = [r for r in found if r.get("status") == "unknown"]
        assert {r["id"] for r in found if r not in unknown} == ids
        assert [(r["asked"], r["provider"], r["http_status"]) for r in unknown] == [("smart", "up", 0)]
        assert list((home / "records.db.spool").iterdir()) == []


async def test_a_store_that_is_gone_for_a_while(home: Path) -> None:
    """Requests go on, records wait, and drain when it is back."""
    async with Upstream() as upstream:
        upstream.on(json_answer(chat("ok")))
        with EdgeProcess(home / "config.yaml", **config(upstream.url)) as edge:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=HEADERS, timeout=30) as client:
                await client.post("/v1/chat/completions", json=chat_body("first", model="smart"))
                await until_rows(home / "records.db", 1)
                away = home / "away.db"
                (home / "records.db").rename(away)
                for n in range(20):
                    answer = await client.post("/v1/chat/completions", json=chat_body(f"q {n}", model="smart"))
                    assert answer.status_code == 200
                await asyncio.to_thread(edge.wait_for, "records wait in the spool")
                away.rename(home / "records.db")
                assert len(await until_rows(home / "records.db", 21)) == 21


async def test_what_cannot_be_delivered_is_said(home: Path) -> None:
    """By its number in the log and by the exit code; it stays for the next start."""
    async with Upstream() as upstream:
        upstream.on(json_answer(chat("ok")))
        with EdgeProcess(home / "config.yaml", **config(upstream.url)) as edge:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=HEADERS, timeout=30) as client:
                await client.post("/v1/chat/completions", json=chat_body("first", model="smart"))
                await until_rows(home / "records.db", 1)
                (home / "records.db").rename(home / "away.db")
                for n in range(3):
                    await client.post("/v1/chat/completions", json=chat_body(f"q {n}", model="smart"))
            edge.process.terminate()
            assert await asyncio.to_thread(edge.wait) == OWING
            assert (await asyncio.to_thread(edge.wait_for, "usage records were not delivered"))["records"] == 3
        (home / "away.db").rename(home / "records.db")
        with EdgeProcess(home / "config.yaml", **config(upstream.url)):
            assert len(await until_rows(home / "records.db", 4)) == 4


async def test_every_request_is_one_record(home: Path) -> None:
    """Hits, errors, cancelled ones, and what a client may not do with its model."""
    async with Upstream() as upstream:

        async def handle(call: Call) -> None:
            text = call.json["messages"][0]["content"]
            if text == "slow":
                await call.until_gone()
            await json_answer(chat("ok") if text != "broken" else {"error": {"message": "no"}}, status=200 if text != "broken" else 400)(
                call
            )

        upstream.on(handle)
        values = config(upstream.url) | {"cache": {"enabled": True}}
        with EdgeProcess(home / "config.yaml", **values) as edge:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge.port}", headers=HEADERS, timeout=30) as client:
                for text in ("same", "same", "broken"):
                    await client.post("/v1/chat/completions", json=chat_body(text, model="smart"))
                await client.post("/v1/chat/completions", json=chat_body("x", model="nobody"))
                with pytest.raises(httpx2.TimeoutException):
                    await client.post("/v1/chat/completions", json=chat_body("slow", model="smart"), timeout=0.5)
            found = await until_rows(home / "records.db", 5)
        assert sorted((str(r.get("status", "ok")), str(r.get("cache", ""))) for r in found) == [
            ("cancelled", ""),
            ("failed", ""),
            ("failed", ""),
            ("ok", ""),
            ("ok", "l1"),
        ]
