"""`GET /v1/usage` in the agent gateway's shape."""

from tests.support.gateway import ADMIN_KEY, running, settings


async def test_a_key_sees_what_it_has_used() -> None:
    """This month, at once; another key's is not in it."""
    async with running(settings(cache={"enabled": False})) as edge:
        for n in range(3):
            await edge.chat(f"hi {n}")
        body = (await edge.client.get("/v1/usage")).json()
        assert body["total_requests"] == 3
        assert body["total_cost_usd"] == 0.0
        assert list(body["by_agent"]) == ["direct"]
        assert body["by_agent"]["direct"]["requests"] == 3
        assert body["by_agent"]["direct"]["tokens"] > 0
        other = await edge.client.get("/v1/usage", headers={"authorization": f"Bearer {ADMIN_KEY}"})
        assert other.json()["total_requests"] == 0
        assert other.json()["client_id"] != body["client_id"]


async def test_another_month() -> None:
    """By `period`; nonsense is named, in the family's shape."""
    async with running(settings()) as edge:
        await edge.chat()
        old = (await edge.client.get("/v1/usage?period=2001-01")).json()
        assert (old["period"], old["total_requests"], old["by_agent"]) == ("2001-01", 0, {})
        wrong = await edge.client.get("/v1/usage?period=soon")
        assert wrong.status_code == 400
        assert "2026-11" in wrong.json()["detail"]
        assert (await edge.client.get("/v1/usage", headers={"authorization": "Bearer nobody"})).status_code == 401
