"""The cache, seen and emptied."""

from typing import Any

import httpx2
import pytest

from proxy.admin.cache import CacheRoutes
from proxy.cache.meter import Tier
from proxy.cache.tiered import TieredCache
from proxy.core.clock import SystemClock
from proxy.core.errors import Unavailable
from proxy.storage.hot.base import RedisDown
from tests.support.admin import administered, two_providers
from tests.support.gateway import chat_body


async def test_what_is_cached_can_be_seen_and_dropped() -> None:
    """How many went, and which tiers were reached."""
    async with administered(two_providers(cache={"enabled": True})) as edge:
        for text in ("a", "b"):
            await edge.client.post("/v1/chat/completions", json=chat_body(text, model="plain"))
        assert (await edge.get("/cache"))["l1_entries"] == 2
        answer = await edge.call("DELETE", "/cache")
        assert answer.json() == {"removed": {"l1": 2}, "reached": ["l1 of this process"]}
        assert (await edge.get("/cache"))["l1_entries"] == 0
        again = await edge.client.post("/v1/chat/completions", json=chat_body("a", model="plain"))
        assert again.headers["x-llm-edge-cache"] == "miss"


async def test_a_tier_that_is_off() -> None:
    """There is nothing to drop."""
    async with administered() as edge:
        assert (await edge.call("DELETE", "/cache")).json()["removed"] == {}


async def test_a_purge_hides_what_it_names() -> None:
    """By key, model, tenant or tag; what is stored afterwards is served again."""
    async with administered(two_providers(cache={"enabled": True})) as edge:

        async def asked(text: str, model: str = "plain", **headers: str) -> httpx2.Response:
            return await edge.client.post("/v1/chat/completions", json=chat_body(text, model=model), headers=headers)

        async def cached(text: str, **headers: str) -> str:
            return (await asked(text, **headers)).headers["x-llm-edge-cache"]

        for body in ({"model": "plain"}, {"tag": "BETA"}, {"model": "nobody", "tag": "beta"}):
            await asked("a", **{"x-llm-edge-cache-tags": "beta"})
            assert await cached("a", **{"x-llm-edge-cache-tags": "beta"}) == "hit"
            purged = await edge.call("POST", "/cache/purge", body)
            assert (purged.status_code, purged.json()["purged"]) == (200, {k: v.lower() for k, v in body.items()})
            assert await cached("a", **{"x-llm-edge-cache-tags": "beta"}) == "miss"
            assert await cached("a", **{"x-llm-edge-cache-tags": "beta"}) == "hit"
        await edge.call("POST", "/cache/purge", {"model": "other", "tenant": "nobody", "key": "0" * 64})
        assert await cached("a", **{"x-llm-edge-cache-tags": "beta"}) == "hit"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ([], None),
        ({"modle": "x"}, "modle"),
        ({"model": ""}, "model"),
        ({"tag": 5}, "tag"),
        ({"key": "12"}, "key"),
        ({"all": "*"}, "all"),
    ],
)
async def test_a_purge_of_nothing_is_refused(body: Any, param: str | None) -> None:
    """Naming the field."""
    async with administered() as edge:
        answer = await edge.call("POST", "/cache/purge", body)
        assert answer.status_code == 400
        assert answer.json()["details"].get("param") == param


class Broken(TieredCache):
    """Its L2 does not answer."""

    async def clear(self) -> dict[Tier, int]:
        raise RedisDown("redis is down")


async def test_an_l2_that_does_not_answer_is_said() -> None:
    """503, since half of the cache is still there."""
    routes = CacheRoutes(lambda: Broken(SystemClock(), l1=None), SystemClock())
    with pytest.raises(Unavailable, match="L2 could not be emptied: redis is down"):
        await routes.clear({}, _nothing, _nothing)


async def _nothing(*_: Any) -> Any:
    raise AssertionError("nothing is read or sent")
