"""Usage plans over two real gateway processes and one real Valkey: what is changed in one holds in the other within a second; what
`llm-edge plans explain` says is used."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.edge_process import EdgeProcess
from tests.support.gateway import ADMIN_KEY, KEY, chat_body
from tests.support.serving import ROOT
from tests.support.upstream import Upstream, json_answer
from tests.support.upstream import chat as answered
from tests.support.valkey import Valkey

SECRET = "a-signing-secret-of-two-gateways-0123456789"
WITHIN_S = 1.0
LONG_S = 600
"""Plans are believed so long without a notice."""
PLAN = "/plans/USER/ann?tenant_id=acme"


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


class Pair:
    """`one` administers, `other` is used."""

    def __init__(self, directory: Path, one: EdgeProcess, other: EdgeProcess, client: httpx2.AsyncClient) -> None:
        self.directory = directory
        self.one = one
        self.other = other
        self._client = client

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
        url = f"http://127.0.0.1:{(edge or self.other).port}/v1/chat/completions"
        return await self._client.post(url, json=chat_body(model="m", max_tokens=100), headers={"authorization": f"Bearer {key}"})

    async def until(self, key: str, status: int) -> float:
        """Seconds until the other answers so, under constant traffic."""
        began = time.monotonic()
        while (await self.ask(key)).status_code != status:
            assert time.monotonic() - began < WITHIN_S + 5, "never"
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def command(self, *args: str) -> str:
        """What `llm-edge plans` prints."""
        command = [sys.executable, "-m", "proxy", "plans", *args, "--config", str(self.one.config)]
        env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        done = await asyncio.to_thread(subprocess.run, command, env=env, cwd=self.directory, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@asynccontextmanager
async def pair(tmp_path: Path, redis: str, providers: dict[str, Any] | None = None, **auth: Any) -> AsyncIterator[Pair]:
    edges = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        edges.append(
            EdgeProcess(
                tmp_path / name / "edge.yaml",
                providers={"p": {"kind": "echo"}} if providers is None else providers,
                models={"m": {"targets": [{"provider": "p", "model": "m"}]}},
                prices={"m": {"input": 10, "output": 100}},
                auth={"static_keys": [KEY], "admin_key": ADMIN_KEY, "signing_secret": SECRET, "key_cache_ttl_s": LONG_S, **auth},
                stores={"records": f"sqlite:///{tmp_path}/records.db", "redis": redis},
                cache={"enabled": False, "l2": {"op_timeout_ms": 5000}},
            )
        )
    with edges[0], edges[1]:
        for edge in edges:
            await asyncio.to_thread(edge.wait_for, "ready")
        async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
            yield Pair(tmp_path, edges[0], edges[1], client)


async def test_a_change_holds_in_the_other_gateway_within_a_second(tmp_path: Path, valkey: Valkey) -> None:
    """Made, forbidden, inactive, active again, deleted; by the command line, too."""
    entity = {"entity_type": "USER", "entity_id": "ann", "tenant_id": "acme"}
    async with pair(tmp_path, valkey.url) as edges:
        _, ann = await edges.key(tenant_id="acme", user="ann")
        assert (await edges.ask(ann)).status_code == 200  # known there: without plans
        steps: list[tuple[str, str, dict[str, Any] | None, int]] = [
            ("POST", "/plans", {**entity, "model_permissions": ["another"]}, 403),
            ("PUT", PLAN, {"model_permissions": ["m"]}, 200),
            ("PUT", PLAN, {"active": False}, 403),
            ("PUT", PLAN, {}, 200),
            ("PUT", PLAN, {"active": False}, 403),
            ("DELETE", PLAN, None, 200),
        ]
        for method, path, body, status in steps:
            await edges.admin(method, path, body)
            assert await edges.until(ann, status) < WITHIN_S, (method, body)
        await edges.command("create", "USER", "ann", "--tenant", "acme", "--active", "no")
        assert await edges.until(ann, 403) < WITHIN_S


async def test_the_labs_key_ends_in_the_other_gateway_within_a_second(tmp_path: Path, valkey: Valkey) -> None:
    """Of a tenant; and is known there as soon, though it was refused just before."""
    lab, entity = "lab-key-0123456789abcdef", {"entity_type": "API_KEY"}
    async with pair(tmp_path, valkey.url, plan_keys=True) as edges:
        assert (await edges.ask(lab)).status_code == 401
        root = f"http://127.0.0.1:{edges.one.port}"
        admin = {"authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx2.AsyncClient(base_url=root, headers=admin, timeout=20, trust_env=False) as client:
            made = await client.post("/create-key", json={**entity, "entity_id": lab, "tenant_id": "acme"})
            assert made.status_code == 200, made.text
            assert await edges.until(lab, 200) < WITHIN_S
            await client.post("/revoke-key", json={**entity, "entity_id": lab})
        assert await edges.until(lab, 401) < WITHIN_S


async def test_two_gateways_share_the_counters_of_plans(tmp_path: Path, valkey: Valkey) -> None:
    """A team's, and a user's of no tenant that comes with two keys: exactly the limit between them. `explain` tells what is used."""
    async with pair(tmp_path, valkey.url) as edges:
        team, rpm = {"entity_type": "DEPARTMENT", "entity_id": "search", "tenant_id": "beta"}, 6
        await edges.admin("POST", "/plans", {**team, "default_limits": {"rpm": rpm}})
        await edges.admin("POST", "/plans", {"entity_type": "USER", "entity_id": "bob", "default_limits": {"rpm": rpm}})
        for own in ({"tenant_id": "beta", "team": "search"}, {"user": "bob"}):
            (key_id, one), (_, other) = await edges.key(**own), await edges.key(**own)
            assert [(await edges.ask(one)).status_code, (await edges.ask(other, edges.one)).status_code] == [200, 200]
            rows = {(row["counter"], row["dimension"]): row for row in json.loads(await edges.command("explain", key_id, "m", "--json"))}
            counter = "DEPARTMENT:search:*" if "team" in own else "USER:bob:*"
            assert rows[counter, "requests"] == {"counter": counter, "dimension": "requests", "limit": rpm, "seconds": 60, "used": 2}
            asked = [edges.ask(key, edge) for key in (one, other) for edge in (edges.one, edges.other) for _ in range(4)]
            codes = [answer.status_code for answer in await asyncio.gather(*asked)]
            assert sorted(set(codes)) == [200, 429]
            assert codes.count(200) == rpm - 2
            assert f"{counter}  requests" in " ".join((await edges.command("explain", key_id, "m")).split()).replace(" ", "  ")


@pytest.mark.allow_tasks("the gateways' connections to the upstream, which outlive a test")
async def test_two_gateways_share_the_money_of_plans(tmp_path: Path, valkey: Valkey) -> None:
    """A tenant's and, of keys of no tenant, a user's: the counter is what was billed, whoever asked; `explain` tells it."""
    cents = {"usage": {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100}}
    async with Upstream() as up:
        up.on(json_answer({**answered("ok"), **cents}))
        providers = {"p": {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-up"]}}
        async with pair(tmp_path, valkey.url, providers) as edges:
            await edges.admin("POST", "/plans", {"entity_type": "TENANT", "entity_id": "gamma", "caps": {"monthly_usd": 0.035}})
            await edges.admin("POST", "/plans", {"entity_type": "USER", "entity_id": "eve", "caps": {"total_usd": 0.035}})
            for own, counter in (
                ({"tenant_id": "gamma"}, f"TENANT:gamma:{time.strftime('%Y-%m', time.gmtime())}"),
                ({"user": "eve"}, "USER:eve:total"),
            ):
                (key_id, one), (_, other) = await edges.key(**own), await edges.key(**own)
                codes = [
                    (await edges.ask(key, edge)).status_code
                    for key, edge in ((one, edges.one), (other, edges.other), (one, edges.other), (other, edges.one))
                ]
                assert codes == [200, 200, 200, 402]
                rows = json.loads(await edges.command("explain", key_id, "m", "--json"))
                assert [(row["dimension"], row["limit"], row["used"]) for row in rows if row["counter"] == counter] == [
                    ("nano_usd", 35_000_000, 30_000_000)
                ]
