"""Usage plans over two real gateway processes and one real Valkey: what is changed in one holds in the other within a second; what
`llm-edge plans explain` says is used."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.administered_pair import WITHIN_S, Pair, pair
from tests.support.gateway import ADMIN_KEY
from tests.support.upstream import Upstream, json_answer
from tests.support.upstream import chat as answered
from tests.support.valkey import Valkey

LONG_S = 600
"""Plans are believed so long without a notice."""
PLAN = "/plans/USER/ann?tenant_id=acme"


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


MODELS = {
    "models": {"m": {"targets": [{"provider": "p", "model": "m"}]}},
    "prices": {"m": {"input": 10, "output": 100}},
}


def two(directory: Path, redis: str, providers: dict[str, Any] | None = None, **auth: Any) -> AbstractAsyncContextManager[Pair]:
    """A model with a price, of `p`: the echo, or of `providers`."""
    own = {"providers": providers or {"p": {"kind": "echo"}}}
    return pair(directory, redis=redis, auth={"key_cache_ttl_s": LONG_S, **auth}, asks={"model": "m", "max_tokens": 100}, **MODELS, **own)


async def test_a_change_holds_in_the_other_gateway_within_a_second(tmp_path: Path, valkey: Valkey) -> None:
    """Made, forbidden, inactive, active again, deleted; by the command line, too."""
    entity = {"entity_type": "USER", "entity_id": "ann", "tenant_id": "acme"}
    async with two(tmp_path, valkey.url) as edges:
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
        await edges.command("plans", "create", "USER", "ann", "--tenant", "acme", "--active", "no")
        assert await edges.until(ann, 403) < WITHIN_S


async def test_the_labs_key_ends_in_the_other_gateway_within_a_second(tmp_path: Path, valkey: Valkey) -> None:
    """Of a tenant; and is known there as soon, though it was refused just before."""
    lab, entity = "lab-key-0123456789abcdef", {"entity_type": "API_KEY"}
    async with two(tmp_path, valkey.url, plan_keys=True) as edges:
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
    async with two(tmp_path, valkey.url) as edges:
        team, rpm = {"entity_type": "DEPARTMENT", "entity_id": "search", "tenant_id": "beta"}, 6
        await edges.admin("POST", "/plans", {**team, "default_limits": {"rpm": rpm}})
        await edges.admin("POST", "/plans", {"entity_type": "USER", "entity_id": "bob", "default_limits": {"rpm": rpm}})
        for own in ({"tenant_id": "beta", "team": "search"}, {"user": "bob"}):
            (key_id, one), (_, other) = await edges.key(**own), await edges.key(**own)
            assert [(await edges.ask(one)).status_code, (await edges.ask(other, edges.one)).status_code] == [200, 200]
            rows = {
                (row["counter"], row["dimension"]): row
                for row in json.loads(await edges.command("plans", "explain", key_id, "m", "--json"))
            }
            counter = "DEPARTMENT:search:*" if "team" in own else "USER:bob:*"
            assert rows[counter, "requests"] == {"counter": counter, "dimension": "requests", "limit": rpm, "seconds": 60, "used": 2}
            asked = [edges.ask(key, edge) for key in (one, other) for edge in (edges.one, edges.other) for _ in range(4)]
            codes = [answer.status_code for answer in await asyncio.gather(*asked)]
            assert sorted(set(codes)) == [200, 429]
            assert codes.count(200) == rpm - 2
            assert f"{counter}  requests" in " ".join((await edges.command("plans", "explain", key_id, "m")).split()).replace(" ", "  ")


@pytest.mark.allow_tasks("the gateways' connections to the upstream, which outlive a test")
async def test_two_gateways_share_the_money_of_plans(tmp_path: Path, valkey: Valkey) -> None:
    """A tenant's and, of keys of no tenant, a user's: the counter is what was billed, whoever asked; `explain` tells it."""
    cents = {"usage": {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100}}
    async with Upstream() as up:
        up.on(json_answer({**answered("ok"), **cents}))
        providers = {"p": {"kind": "openai", "base_url": f"{up.url}/v1", "api_keys": ["sk-up"]}}
        async with two(tmp_path, valkey.url, providers) as edges:
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
                rows = json.loads(await edges.command("plans", "explain", key_id, "m", "--json"))
                assert [(row["dimension"], row["limit"], row["used"]) for row in rows if row["counter"] == counter] == [
                    ("nano_usd", 35_000_000, 30_000_000)
                ]
