"""Contract I over two real gateway processes with one record store: a key that ends or changes at one of them does so at the other within a
second where they share a Redis, within `auth.key_cache_ttl_s` where they don't; under constant traffic, too.

Not here: the key's epoch in the admission flush (it comes with limits in Redis; the board's poll keeps the second by itself).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.settings import Settings
from proxy.storage.issue import new_key
from proxy.storage.sqlite import SqliteRecords
from tests.support.admin import administered
from tests.support.administered_pair import SECRET, WITHIN_S, Pair, pair
from tests.support.edge_process import EdgeProcess
from tests.support.gateway import ADMIN_KEY, KEY, chat_body, settings
from tests.support.valkey import Valkey

LONG_S = 600
"""A lifetime of look-ups that ends nothing by itself."""


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


async def used(edges: Pair, **body: Any) -> tuple[str, str]:
    """A key that the other knows: its id and itself."""
    key_id, key = await edges.key(**body)
    assert (await edges.ask(key)).status_code == 200
    return key_id, key


Ending = Callable[[Pair, str], Awaitable[Any]]


ENDINGS: dict[str, tuple[Ending, int]] = {
    "revoked": (lambda pair, key_id: pair.admin("POST", f"/api-keys/{key_id}/revoke"), 401),
    "disabled": (lambda pair, key_id: pair.admin("POST", f"/api-keys/{key_id}/disable"), 401),
    "rotated": (lambda pair, key_id: pair.admin("POST", f"/api-keys/{key_id}/rotate"), 401),
    "changed": (lambda pair, key_id: pair.admin("PATCH", f"/api-keys/{key_id}", {"models": ["another"]}), 403),
    "bound to an address": (lambda pair, key_id: pair.admin("PATCH", f"/api-keys/{key_id}", {"allowed_ips": ["192.0.2.1"]}), 403),
    "revoked by the command line": (lambda pair, key_id: pair.command("keys", "revoke", key_id), 401),
}


async def test_with_redis_within_a_second(tmp_path: Path, valkey: Valkey) -> None:
    """However it ends or changes; and what is enabled again is good again as soon. Opaque keys likewise."""
    async with pair(tmp_path, redis=valkey.url, auth={"key_cache_ttl_s": LONG_S}) as edges:
        for how, (end, status) in ENDINGS.items():
            key_id, key = await used(edges)
            await end(edges, key_id)
            assert await edges.until(key, status, WITHIN_S) < WITHIN_S, how
        key_id, key = await used(edges, door="agent")
        await edges.admin("POST", f"/api-keys/{key_id}/disable")
        assert await edges.until(key, 401, WITHIN_S) < WITHIN_S
        await edges.admin("POST", f"/api-keys/{key_id}/enable")
        assert await edges.until(key, 200, WITHIN_S) < WITHIN_S


async def test_an_overlap_ends_when_it_said(tmp_path: Path, valkey: Valkey) -> None:
    """The other knew the key for ten minutes to come; both keys are good until then."""
    async with pair(tmp_path, redis=valkey.url, auth={"key_cache_ttl_s": LONG_S}) as edges:
        key_id, key = await used(edges)
        new = await edges.admin("POST", f"/api-keys/{key_id}/rotate", {"overlap_seconds": 2})
        assert ((await edges.ask(new["api_key"])).status_code, (await edges.ask(key)).status_code) == (200, 200)
        assert 1.0 < await edges.until(key, 401, 2.0) < 3.0
        assert (await edges.ask(new["api_key"])).status_code == 200


async def test_without_redis_within_the_ttl(tmp_path: Path) -> None:
    """Use does not prolong it."""
    async with pair(tmp_path, redis=None, auth={"key_cache_ttl_s": 1.5}) as edges:
        key_id, key = await used(edges)
        await edges.admin("POST", f"/api-keys/{key_id}/revoke")
        assert await edges.until(key, 401, 1.5) < 1.5 + 0.5


async def test_a_redis_that_comes_back_drops_what_is_known(tmp_path: Path) -> None:
    """What was told meanwhile may never have come; here nobody tells it at all."""
    with Valkey() as server:
        async with pair(tmp_path, redis=server.url, auth={"key_cache_ttl_s": LONG_S}) as edges:
            key_id, key = await used(edges)
            server.kill()
            await asyncio.sleep(0.6)
            records = SqliteRecords(tmp_path / "records.db")
            assert await records.set_status(key_id, "revoked")
            await records.aclose()
            assert (await edges.ask(key)).status_code == 200
            server.start()
            assert await edges.until(key, 401, 10.0) < 10.0


async def test_a_revocation_in_an_outage_reaches_everybody_after_it(tmp_path: Path) -> None:
    """It is told as soon as Redis is there again."""
    with Valkey() as server:
        async with pair(tmp_path, redis=server.url, auth={"key_cache_ttl_s": LONG_S}) as edges:
            key_id, key = await used(edges)
            server.kill()
            await edges.admin("POST", f"/api-keys/{key_id}/revoke")
            server.start()
            assert await edges.until(key, 401, 10.0) < 10.0


async def test_a_key_of_before_a_rotation_of_the_secret(tmp_path: Path) -> None:
    """Both secrets verify while both are configured; new keys are made with the new one, and the old one's end with it."""
    (tmp_path / "edge").mkdir()
    config, echo = tmp_path / "edge" / "edge.yaml", {"echo": {"kind": "echo"}}
    old_key, record = new_key(SECRET.encode(), time.time())
    records = SqliteRecords(tmp_path / "edge" / "records.db")
    await records.create(record)
    await records.aclose()
    new_secret = "another-secret-" + SECRET
    statuses = []
    for auth in (
        {"signing_secret": new_secret, "previous_signing_secret": SECRET},
        {"signing_secret": new_secret},
    ):
        edge = EdgeProcess(config, providers=echo, auth={"static_keys": [KEY], "admin_key": ADMIN_KEY, **auth})
        with edge:
            await asyncio.to_thread(edge.wait_for, "ready")
            async with httpx2.AsyncClient(timeout=20, trust_env=False) as client:
                one = Pair(tmp_path, edge, edge, client)
                _, key = await one.key()
                statuses.append(((await one.ask(old_key)).status_code, (await one.ask(key)).status_code))
    assert statuses == [(200, 200), (401, 200)]


async def test_a_reload_goes_on_hearing(tmp_path: Path) -> None:
    """The new configuration's keys are told, the old one's need not be."""

    def config(**auth: Any) -> Settings:
        values = {"key_cache_ttl_s": LONG_S, "signing_secret": SECRET, **auth}
        return settings(stores={"records": f"sqlite:///{tmp_path}/records.db"}, auth=values)

    async with administered(config()) as edge:
        await edge.gateway.reload(config(roles={"chat": {"scopes": ["models"]}}))
        made = (await edge.call("POST", "/api-keys", {"role": "chat"})).json()
        sent = {"authorization": f"Bearer {made['api_key']}"}
        statuses = [(await edge.client.post("/v1/chat/completions", json=chat_body(), headers=sent)).status_code]
        await edge.call("POST", f"/api-keys/{made['key_id']}/revoke")
        statuses.append((await edge.client.post("/v1/chat/completions", json=chat_body(), headers=sent)).status_code)
    assert statuses == [200, 401]
