"""The cache, seen and emptied."""

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
