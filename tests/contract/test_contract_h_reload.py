"""Contract H, configuration: validated whole, versioned, atomic, at every worker within 5 s; what the API lays over it lives in the
record store, reaches every process with that store, and survives reloads and restarts.

Two gateway processes with one record store, one of them with two workers, each with its own file. What the whole clause also says of
lost and slow stores is in test_contract_h_redis_slow.py and tests/integration/test_redis_loss.py.
"""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.cli.main import main
from tests.support.edge_process import EdgeProcess
from tests.support.gateway import ADMIN_KEY, KEY, chat_body

WITHIN_S = 5.0
AUTH = {"static_keys": [KEY], "admin_key": ADMIN_KEY}


def version(n: int, **more: Any) -> dict[str, Any]:
    """Everything in it has the number in its name, so that a mixture would show."""
    return {
        "auth": AUTH,
        "cache": {"enabled": False},
        "providers": {f"p{n}": {"kind": "echo"}, "other": {"kind": "echo"}},
        "models": {
            "m": {"targets": [{"provider": f"p{n}", "model": f"m{n}"}]},
            "canary": {
                "strategy": "weighted",
                "targets": [{"provider": f"p{n}", "model": "old", "weight": 1}, {"provider": "other", "model": "new", "weight": 0}],
            },
        },
        **more,
    }


class Edges:
    """`watch`: whether the processes look at their files themselves."""

    def __init__(self, folder: Path, watch: bool) -> None:
        self.watch = watch
        self.pair = EdgeProcess(folder / "pair.yaml", **self.of_pair(version(1)))
        self.single = EdgeProcess(folder / "single.yaml", **self.of_single(version(1)))
        self.all = (self.pair, self.single)

    def configure(self, n: int, **more: Any) -> None:
        self.pair.configure(**self.of_pair(version(n, **more)))
        self.single.configure(**self.of_single(version(n, **more)))

    def of_pair(self, sections: dict[str, Any]) -> dict[str, Any]:
        return {**sections, "server": {"workers": 2, "watch_config": self.watch}, "stores": {"redis": "embedded"}}

    def of_single(self, sections: dict[str, Any]) -> dict[str, Any]:
        return {**sections, "server": {"watch_config": self.watch}}


@pytest.fixture
def edges(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Edges]:
    made = Edges(tmp_path, watch=getattr(request, "param", True))
    with made.pair, made.single:
        for process in made.all:
            process.wait_for("ready")
        yield made


def client(process: EdgeProcess, key: str = KEY) -> httpx2.AsyncClient:
    """A new connection for every request, so that both workers are met."""
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{process.port}",
        headers={"authorization": f"Bearer {key}", "connection": "close"},
        trust_env=False,
        timeout=30,
    )


async def admin(process: EdgeProcess, method: str, path: str, body: Any = None) -> httpx2.Response:
    async with client(process, ADMIN_KEY) as http:
        return await http.request(method, f"/v1/admin{path}", json=body)


async def health(process: EdgeProcess) -> dict[str, Any]:
    async with client(process) as http:
        found: dict[str, Any] = (await http.get("/health")).json()
        return found


async def everywhere(process: EdgeProcess, holds: Callable[[dict[str, Any]], bool], within_s: float = WITHIN_S) -> None:
    """Until `/health` says so for many connections in a row, whichever worker takes them; all asked after `within_s` must."""
    deadline = time.monotonic() + within_s
    row = 0
    while row < 16:
        asked = time.monotonic()
        row = row + 1 if holds(await health(process)) else 0
        assert row or asked < deadline, "not in time"
        if not row:
            await asyncio.sleep(0.05)


async def metric(process: EdgeProcess, line: str) -> bool:
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as http:
        return line in (await http.get(f"http://127.0.0.1:{process.metrics_port}/metrics")).text.splitlines()


class Load:
    """Streams, one after the other at several places; each ends whole or the test fails."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()
        self.stopped = False

    async def stream(self, http: httpx2.AsyncClient, model: str) -> tuple[str, str]:
        shown = ""
        body = chat_body("echo:chunk_ms=15 " + "word " * 20, model=model, stream=True)
        async with http.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200, await answer.aread()
            async for piece in answer.aiter_text():
                shown += piece
        assert shown.endswith("data: [DONE]\n\n"), shown[-200:]
        assert shown.count("word") == 20
        return answer.headers["x-llm-edge-provider"], answer.headers["x-llm-edge-model"]

    async def keep(self, process: EdgeProcess, model: str) -> None:
        async with client(process) as http:
            while not self.stopped:
                self.seen[await self.stream(http, model)] += 1


@asynccontextmanager
async def under_load(edges: Edges, model: str = "m", places: int = 2) -> AsyncIterator[Load]:
    load = Load()
    async with asyncio.TaskGroup() as group:
        for process in edges.all:
            for _ in range(places):
                group.create_task(load.keep(process, model))
        try:
            yield load
        finally:
            load.stopped = True


async def test_a_changed_file_is_in_force_within_5_s_and_drops_nothing(edges: Edges) -> None:
    """At every worker of every process, under streams; each request has one version wholly."""
    before = {(await health(process))["config_version"] for process in edges.all}
    async with under_load(edges) as load:
        for n in (2, 3):
            edges.configure(n)
            began = time.monotonic()
            lines = [await asyncio.to_thread(process.wait_for, "configuration reloaded", count=n - 1) for process in edges.all]
            assert time.monotonic() - began < WITHIN_S
            for process, line in zip(edges.all, lines, strict=True):
                await everywhere(process, lambda facts, line=line: facts["config_version"] == line["version"])  # type: ignore[misc]
                assert line["version"] not in before
    assert set(load.seen) == {("p1", "m1"), ("p2", "m2"), ("p3", "m3")}
    assert [line["workers"] for process in edges.all for line in process.lines if line["message"] == "configuration reloaded"] == [
        2,
        2,
        1,
        1,
    ]


@pytest.mark.parametrize("edges", [False], indirect=True, ids=["unwatched"])
async def test_the_admin_api_reloads_every_worker(edges: Edges) -> None:
    """It answers when all have taken it, with what changed; streams go on. What the file names is the file's: 409, with the line."""
    for process, workers in zip(edges.all, (2, 1), strict=True):
        was = (await health(process))["config_version"]
        async with under_load(edges) as load:
            await asyncio.sleep(0)
            edges.configure(2)
            answer = await admin(process, "POST", "/config/reload")
            assert answer.status_code == 200, answer.text
            body = answer.json()
            await everywhere(process, lambda facts, body=body: facts["config_version"] == body["version"], within_s=0.0)  # type: ignore[misc]
        assert (body["previous"], body["workers"]) == (was, workers)
        assert body["changed"] == [
            "providers.p1",
            "providers.p2",
            "models.m.targets[0].provider",
            "models.m.targets[0].model",
            "models.canary.targets[0].provider",
        ]
        forbidden = await admin(process, "DELETE", "/routes/m")
        assert (forbidden.status_code, forbidden.json()["details"]["code"]) == (409, "managed_by_file")
        assert forbidden.json()["details"]["where"].startswith(f"{process.config.name}:1:")
        shown = (await admin(process, "GET", "/config")).json()
        assert shown["version"] == body["version"]
        assert list(shown["config"]["providers"]) == ["p2", "other"]
        edges.configure(1)
        assert (await admin(process, "POST", "/config/reload")).json()["version"] == was
        assert set(load.seen) <= {("p1", "m1"), ("p2", "m2")}


async def test_a_wrong_file_changes_nothing_and_says_why(edges: Edges) -> None:
    """In the answer, the log and a metric; a worker that is replaced meanwhile starts on what is in force; the file put right is taken."""
    failed = 'llm_edge_config_reloads_total{result="failure"} '
    async with under_load(edges) as load:
        for process in edges.all:
            was = (await health(process))["config_version"]
            wrong = version(2)
            wrong["models"]["m"]["targets"][0]["provider"] = "p1"
            process.configure(**(edges.of_pair if process is edges.pair else edges.of_single)(wrong))
            answer = await admin(process, "POST", "/config/reload")
            assert answer.status_code == 422
            problem = answer.json()["details"]["problems"][0]
            assert problem["path"] == "models.m.targets[0].provider"
            assert (problem["file"], problem["line"]) == (process.config.name, 1)
            assert problem["message"] == 'no provider "p1"'
            logged = process.wait_for("configuration not reloaded, the old one stays in force")
            assert 'models.m.targets[0].provider: no provider "p1"' in logged["error"]
            assert await metric(process, failed + "1.0")
            assert await metric(process, "llm_edge_config_last_reload_successful 0.0")
            await everywhere(process, lambda facts, was=was: facts["config_version"] == was)  # type: ignore[misc]
    assert set(load.seen) == {("p1", "m1")}
    was = (await health(edges.pair))["config_version"]
    os.kill(edges.pair.worker_pids()[0], signal.SIGKILL)
    await asyncio.to_thread(edges.pair.wait_for, "worker ready", count=3)
    await everywhere(edges.pair, lambda facts: facts["config_version"] == was)
    edges.configure(1)
    for process in edges.all:
        await asyncio.to_thread(process.wait_for, "configuration reloaded")
        assert await metric(process, "llm_edge_config_last_reload_successful 1.0")
        assert await metric(process, failed + "1.0")
        assert (await admin(process, "POST", "/config/reload")).json()["changed"] == []


async def test_a_secret_s_file_is_watched_too(edges: Edges, tmp_path: Path) -> None:
    """A rotated key is in force within 5 s; the content is nowhere in the log."""
    key_file = tmp_path / "key"
    key_file.write_text("first-key-0123456789\n")
    edges.single.configure(**edges.of_single(version(1, auth={**AUTH, "static_keys": ["file:key"]})))
    await asyncio.to_thread(edges.single.wait_for, "configuration reloaded")
    (tmp_path / "key.new").write_text("second-key-0123456789\n")
    (tmp_path / "key.new").replace(key_file)
    line = await asyncio.to_thread(edges.single.wait_for, "configuration reloaded", count=2, within_s=WITHIN_S)
    assert line["changed"] == ["auth.static_keys[0]"]
    for key, status in (("first-key-0123456789", 401), ("second-key-0123456789", 200)):
        async with client(edges.single, key) as http:
            assert (await http.get("/v1/models")).status_code == status
    assert "-key-0123456789" not in json.dumps(edges.single.lines)


async def moved(process: EdgeProcess, to: str) -> None:
    """Until every one of many requests goes there."""
    deadline = time.monotonic() + WITHIN_S
    row = 0
    async with client(process) as http:
        while row < 12:
            asked = time.monotonic()
            answer = await http.post("/v1/chat/completions", json=chat_body(model="canary"))
            assert answer.status_code == 200
            row = row + 1 if answer.headers["x-llm-edge-provider"] == to else 0
            assert row or asked < deadline, "not in time"


async def test_canary_weights_move_everywhere_without_dropping_a_stream(edges: Edges, capsys: pytest.CaptureFixture[str]) -> None:
    """Set at one process, they hold at all workers of the other within 5 s; reloads and restarts keep them; drift shows them."""
    async with under_load(edges, "canary") as load:
        put = await admin(edges.single, "PUT", "/routes/canary/weights", {"weights": {"p1/old": 0, "other/new": 1}})
        assert put.status_code == 200, put.text
        for process in edges.all:
            await moved(process, "other")
        edges.configure(1, routing={"retries": {"attempts": 2}})
        for process in edges.all:
            await asyncio.to_thread(process.wait_for, "configuration reloaded")
            await moved(process, "other")
            await everywhere(process, lambda facts: facts["drift"] == {"version": 1, "weights": ["canary"], "drained": [], "stale": []})
    assert set(load.seen) == {("p1", "old"), ("other", "new")}
    edges.single.signal(signal.SIGTERM)
    await asyncio.to_thread(edges.single.wait)
    again = EdgeProcess(edges.single.config, **edges.of_single(version(1)))
    with again:
        again.wait_for("ready")
        await moved(again, "other")
        assert await asyncio.to_thread(main, ["config", "show", str(again.config)]) == 0
        assert "models.canary p1/old: weight 1 → 0, by key_" in capsys.readouterr().out
        assert (await admin(again, "DELETE", "/routes/canary/weights")).status_code == 200
        for edge in (again, edges.pair):
            await moved(edge, "p1")


async def test_a_drained_target_gets_no_new_requests_anywhere(edges: Edges) -> None:
    """Streams under way end whole; two administrators that know the same version do not overwrite one another."""
    async with under_load(edges, "canary") as load:
        await asyncio.sleep(0)
        drained = await admin(edges.pair, "POST", "/targets/p1/old/drain")
        assert drained.status_code == 200
        for process in edges.all:
            await moved(process, "other")
            assert "p1/old" in [rest["target"] for rest in (await health(process))["resting"]]
        await moved(edges.pair, "other")
    assert all(target in (("p1", "old"), ("other", "new")) for target in load.seen)
    answers = []
    for process in edges.all:
        async with client(process, ADMIN_KEY) as http:
            answers.append((await http.delete("/v1/admin/targets/p1/old/drain", headers={"if-match": drained.headers["etag"]})).status_code)
    assert answers == [200, 412]
