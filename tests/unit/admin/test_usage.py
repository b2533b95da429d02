"""Reports over the ledger."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import orjson

from proxy.admin.usage import UsageRoutes
from proxy.core.clock import SystemClock
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.route import RouteInfo
from proxy.governance.metering.ledger import written
from proxy.storage.issue import new_key, signing_secret
from tests.support.admin import administered, two_providers
from tests.support.gateway import chat_body


async def test_sums_records_and_exports() -> None:
    """The same requests in each form."""
    async with administered() as edge:
        for n in range(3):
            body = chat_body(f"hi {n}", model="plain", metadata={"tags": ["beta"]})
            assert (await edge.client.post("/v1/chat/completions", json=body)).status_code == 200
        report = await edge.get("/usage?by=model,tag&since=1h")
        (row,) = report["rows"]
        assert (row["model"], row["tag"], row["requests"], row["errors"], row["cost_usd"]) == ("plain", "beta", 3, 0, "0.000000000")
        text = (await edge.call("GET", "/usage?by=provider&format=csv")).text
        (line,) = csv.DictReader(io.StringIO(text))
        assert (line["provider"], line["requests"]) == ("old", "3")
        assert (await edge.call("GET", "/usage?format=focus")).text.startswith("BilledCost,")
        first = await edge.get("/usage/records?limit=2")
        assert len(first["records"]) == 2
        rest = await edge.get(f"/usage/records?limit=2&after={first['next']}")
        assert (len(rest["records"]), rest["next"]) == (1, None)
        record = rest["records"][0]
        assert (record["asked"], record["provider"], record["tags"], record["at"][-1]) == ("plain", "old", ["beta"], "Z")
        assert record["input_tokens"] > 0


async def test_bad_parameters_are_named() -> None:
    """With the nearest that there is."""
    async with administered() as edge:
        for query, param in (
            ("?by=modle", "by"),
            ("?sinse=1d", "sinse"),
            ("?since=soon", "since"),
            ("?format=xml", "format"),
            ("/records?limit=0", "limit"),
            ("/records?limit=many", "limit"),
        ):
            answer = await edge.call("GET", f"/usage{query}")
            assert answer.status_code == 400, query
            assert answer.json()["details"]["param"] == param
        assert 'did you mean "model"' in (await edge.call("GET", "/usage?by=modle")).json()["message"]


async def test_a_tenants_spending() -> None:
    """In A's shape; null where there is no budget."""
    async with administered() as edge:
        assert await edge.get("/tenants/acme/usage") == {
            "current_spend": 0.0,
            "monthly_cap": None,
            "remaining": None,
            "usage_percent": None,
        }


async def test_a_tenants_budget() -> None:
    """What is left of it, never less than nothing."""

    async def cap(tenant: str) -> int | None:
        return {"acme": 10**9, "broke": 0}[tenant]

    async with administered() as edge:
        state = edge.gateway.state
        routes = UsageRoutes(state.usage, SystemClock(), written(state.ledger), cap)
        shown: list[Any] = []
        for tenant in ("acme", "broke"):
            await _called(routes, f"/v1/admin/tenants/{tenant}/usage", shown)
        assert [(s["monthly_cap"], s["remaining"], s["usage_percent"]) for s in shown] == [(1.0, 1.0, 0.0), (0.0, 0.0, 100.0)]


async def _called(routes: UsageRoutes, path: str, shown: list[Any]) -> None:
    pattern = re.compile(r"/v1/admin/tenants/(?P<tenant>.+)/usage")
    ctx = RequestContext(RouteInfo(name="x", family="admin", pattern=pattern), "0", 0.0)
    ctx.raw_path = path

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            shown.append(orjson.loads(message["body"]))

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await routes.tenant({SCOPE_KEY: ctx}, receive, send)


async def test_an_administrator_of_a_tenant_sees_its_own(tmp_path: Path) -> None:
    """Whatever filter is given; another's spending is not there."""
    async with administered(two_providers(stores={"records": f"sqlite:///{tmp_path}/r.db"})) as edge:
        state = edge.gateway.state
        secret = await signing_secret(state.records, None)
        key, record = new_key(secret, state.clock.time(), role="admin", tenant="acme")
        await state.records.create(record)
        await edge.client.post("/v1/chat/completions", json=chat_body(model="plain"))
        body = chat_body(model="plain")
        assert (await edge.client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})).status_code == 200
        seen = (await edge.call("GET", "/usage?by=tenant&tenant=other", key=key)).json()["rows"]
        assert [(row["tenant"], row["requests"]) for row in seen] == [("acme", 1)]
        assert len((await edge.call("GET", "/usage/records", key=key)).json()["records"]) == 1
        assert (await edge.call("GET", "/tenants/acme/usage", key=key)).status_code == 200
        assert (await edge.call("GET", "/tenants/other/usage", key=key)).status_code == 404
        assert len((await edge.get("/usage?by=tenant"))["rows"]) == 2
