"""The administrators' view of the gateway's health."""

from pathlib import Path

import msgspec

from proxy.admin.health import AdminHealthView
from proxy.storage.records_memory import MemoryRecords
from tests.support.admin import administered, two_providers
from tests.support.eventually import eventually
from tests.support.gateway import chat_body
from tests.support.valkey import Valkey


async def test_it_is_agenthubs_and_more() -> None:
    """`status` and `role` as agenthub's clients read them; beside them the stores, the spool, what is cached, the configuration."""
    async with administered() as edge:
        await edge.client.post("/v1/chat/completions", json=chat_body(model="plain"))
        body = await edge.get("/health")
        shown = msgspec.convert(body, AdminHealthView)
        assert (shown.status, shown.role, shown.problems) == ("healthy", "admin", [])
        assert (shown.records.kind, shown.records.ok, shown.records.error) == ("memory", True, None)
        assert (shown.hot.kind, shown.hot.ok) == ("memory", True)
        assert (shown.spool.enabled, shown.spool.written, shown.spool.lost) == (True, 1, 0)
        assert (shown.plans.cached, shown.keys.cached) == (1, 0)
        assert shown.config.version == (await edge.get("/config"))["version"]
        assert shown.config.drift_version == 0
        await edge.call("POST", "/targets/old/m/drain")
        assert (await edge.get("/health"))["config"]["drift_version"] == 1


async def test_keys_of_the_record_store_are_counted() -> None:
    """And the role is the caller's."""
    async with administered() as edge:
        made = (await edge.call("POST", "/api-keys", {"role": "client", "scopes": ["admin_read"]})).json()
        answer = (await edge.call("GET", "/health", key=made["api_key"])).json()
        assert (answer["role"], answer["keys"]["cached"]) == ("client", 1)


async def test_a_record_store_that_is_down() -> None:
    """200 all the same: it is an answer, not a probe."""
    async with administered() as edge:
        records = edge.gateway.state.records
        assert isinstance(records, MemoryRecords)
        records.fail(True)
        body = await edge.get("/health")
        assert (body["status"], body["records"]["ok"]) == ("degraded", False)
        assert body["problems"] == [f"record store: {body['records']['error']}"]


async def test_the_spool_of_a_store_on_the_disk(tmp_path: Path) -> None:
    """Its backlog is what was written and not delivered."""
    async with administered(two_providers(stores={"records": f"sqlite:///{tmp_path}/r.db"})) as edge:
        assert (await edge.get("/health"))["records"]["kind"] == "sqlite"
        ledger = edge.gateway.state.ledger
        assert ledger is not None and ledger.spool is not None  # noqa: PT018
        ledger.spool.begin("call", b"x" * 1000)
        assert (await edge.get("/health"))["spool"]["backlog_bytes"] > 1000
        ledger.spool.end("call", b"")


async def test_redis_that_goes_away() -> None:
    """Seen by the connection that is kept anyway; it is not asked for this."""
    with Valkey() as valkey:
        async with administered(two_providers(stores={"redis": valkey.url})) as edge:
            hot = (await edge.get("/health"))["hot"]
            assert (hot["kind"], hot["ok"], hot["breaker"]) == ("redis", True, "closed")
            valkey.kill()
            hot_store = edge.gateway.state.hot
            assert hot_store is not None
            await eventually(lambda: not hot_store.connected)
            body = await edge.get("/health")
            assert (body["status"], body["problems"]) == ("degraded", [f"hot store: {body['hot']['address']} does not answer"])
