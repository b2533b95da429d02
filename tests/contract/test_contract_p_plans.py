"""Usage plans through a whole gateway: what a tenant, a team and a user may, everybody's counter enforced; the AWS lab's doors."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from proxy.admin.events import KeptEvents
from proxy.api.routes import TABLE
from proxy.storage.issue import new_key, signing_secret
from tests.support.admin import ADMIN_KEY, KEY, Administered, administered, two_providers
from tests.support.gateway import chat_body

EVENTS = KeptEvents()


@pytest.fixture
async def edge() -> AsyncIterator[Administered]:
    EVENTS.events.clear()
    async with administered(admin_events=EVENTS) as running:
        yield running


async def key(edge: Administered, **own: Any) -> str:
    state = edge.gateway.state
    made, record = new_key(await signing_secret(state.records, None), state.clock.time(), **own)
    await state.records.create(record)
    return made


async def plan(edge: Administered, kind: str, id_: str, tenant: str = "acme", **more: Any) -> dict[str, Any]:
    answer = await edge.call("POST", "/plans", {"entity_type": kind, "entity_id": id_, "tenant_id": tenant, **more})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def chat(edge: Administered, key: str, model: str = "plain") -> httpx2.Response:
    return await edge.client.post("/v1/chat/completions", json=chat_body(model=model), headers={"authorization": f"Bearer {key}"})


async def test_limits_of_tenant_team_and_user(edge: Administered) -> None:
    """Each has a counter of its own; who shares one shares what is left."""
    await plan(edge, "TENANT", "acme", default_limits={"rpm": 5})
    await plan(edge, "DEPARTMENT", "search", default_limits={"rpm": 3})
    await plan(edge, "USER", "ann", default_limits={"rpm": 2})
    ann, bob, eve = [
        await key(edge, tenant="acme", team=team, user=user) for team, user in (("search", "ann"), ("search", "bob"), ("", "eve"))
    ]
    assert [(await chat(edge, ann)).status_code for _ in range(3)] == [200, 200, 429]  # the user's
    assert [(await chat(edge, bob)).status_code for _ in range(2)] == [200, 429]  # the team's
    assert [(await chat(edge, eve)).status_code for _ in range(3)] == [200, 200, 429]  # the tenant's
    assert (await chat(edge, await key(edge, tenant="other", user="ann"))).status_code == 200


async def test_a_change_holds_at_once(edge: Administered) -> None:
    made = await plan(edge, "USER", "ann")
    ann = await key(edge, tenant="acme", user="ann")
    assert (await chat(edge, ann)).status_code == 200
    path = "/plans/USER/ann?tenant_id=acme"
    answer = await edge.call("PUT", path, {"active": False}, if_match=f'"{made["version"]}"')
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    refused = await chat(edge, ann)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "plan_inactive")
    assert (await edge.call("PUT", path, {}, if_match='"1"')).status_code == 412
    assert (await edge.call("DELETE", path)).status_code == 200
    assert (await chat(edge, ann)).status_code == 200
    assert [event.action for event in EVENTS.events] == ["plan.created", "plan.updated", "plan.deleted"]


async def test_every_plan_must_permit(edge: Administered) -> None:
    """And a model of its own has its own limits."""
    await plan(edge, "TENANT", "acme", model_permissions=["plain", "canary"])
    await plan(edge, "USER", "ann", model_permissions=["plain", "only/old"], model_limits={"plain": {"rpm": 1}})
    ann = await key(edge, tenant="acme", user="ann")
    assert [(await chat(edge, ann, model)).status_code for model in ("plain", "canary", "only/old", "plain")] == [200, 403, 403, 429]


async def test_a_tenants_budget(edge: Administered) -> None:
    """Set in A's way, shown with its spending; 402 where there is nothing."""
    answer = await edge.call("PUT", "/tenants/acme/budget?monthly_cap=12.5")
    assert (answer.status_code, answer.json()["monthly_cap"], sorted(answer.json())) == (200, 12.5, ["message", "monthly_cap"])
    shown = await edge.get("/tenants/acme/usage")
    assert shown == {"current_spend": 0.0, "monthly_cap": 12.5, "remaining": 12.5, "usage_percent": 0.0}
    assert (await edge.get("/plans/TENANT/acme"))["caps"]["monthly_usd"] == 12.5
    for wrong in ("", "?monthly_cap=-1", "?monthly_cap=nan", "?monthly_cap=x", "?cap=1"):
        assert (await edge.call("PUT", f"/tenants/acme/budget{wrong}")).status_code == 422


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"entity_id": "x"}, "entity_type"),
        ({"entity_type": "USER"}, "entity_id"),
        ({"entity_type": "NOBODY", "entity_id": "x"}, "entity_type"),
        ({"entity_type": "USER", "entity_id": "{x}"}, "entity_id"),
        ({"entity_type": "USER", "entity_id": "x", "default_limits": {"rpm": -1}}, "default_limits.rpm"),
        ({"entity_type": "USER", "entity_id": "x", "default_limits": {"rmp": 1}}, "default_limits.rmp"),
        ({"entity_type": "USER", "entity_id": "x", "model_limits": {"m": {"rpm": 0}}}, "model_limits"),
        ({"entity_type": "USER", "entity_id": "x", "caps": {"monthly_usd": -1}}, "caps.monthly_usd"),
        ({"entity_type": "USER", "entity_id": "x", "caps": {"soft": True}}, "caps"),
        ({"entity_type": "USER", "entity_id": "x", "caps": {"monthly_usd": 1, "raised": {"usd": 1, "until": 5}}}, "caps.raised.until"),
        ({"entity_type": "USER", "entity_id": "x", "model_permissions": []}, "model_permissions"),
        ({"entity_type": "TENANT", "entity_id": "x", "tenant_id": "y"}, "tenant_id"),
    ],
)
async def test_bad_plans(edge: Administered, body: dict[str, Any], named: str) -> None:
    answer = await edge.call("POST", "/plans", body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["message"].startswith(named), answer.text
    assert (await edge.get("/plans"))["plans"] == []


async def test_pages(edge: Administered) -> None:
    made = {(await plan(edge, "USER", f"u{n}"))["usage_id"] for n in range(5)}
    assert (await edge.call("POST", "/plans", {"entity_type": "USER", "entity_id": "u1", "tenant_id": "acme"})).status_code == 409
    found: set[str] = set()
    after: str | None = ""
    while after is not None:
        page = await edge.get(f"/plans?limit=2&after={after}")
        found |= {one["usage_id"] for one in page["plans"]}
        after = page["next"]
    assert found == made
    assert (await edge.get("/plans?tenant_id=other"))["plans"] == []


async def test_the_labs_doors(edge: Administered) -> None:
    """W's shapes and defaults; administrators alone; a revoked plan's next call is refused."""
    ann = await key(edge, tenant="acme")
    key_id = ann.partition(".")[0]
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    body = {"entity_type": "API_KEY", "entity_id": key_id, "model_permissions": ["*"]}
    refused = await edge.client.post("/create-key", json=body, headers={"authorization": f"Bearer {KEY}"})
    assert (refused.status_code, list(refused.json())) == (403, ["detail"])
    made = await edge.client.post("/llm-gateway/create-key", json=body, headers=admin)
    assert made.status_code == 200, made.text
    shown = made.json()["plan"]
    assert set(shown) == {
        "usage_id", "entity_id", "entity_type", "tenant_id", "budget_id", "model_permissions", "active", "default_limits", "model_limits",
        "metadata", "created_at",
    }  # fmt: skip
    assert shown["default_limits"] == {"input_tpm": 40000, "output_tpm": 10000, "rpm": 60}
    assert (await chat(edge, ann)).status_code == 200
    revoked = await edge.client.post("/revoke-key", json={"entity_id": key_id, "entity_type": "API_KEY"}, headers=admin)
    assert revoked.json() == {"success": True}
    assert (await chat(edge, ann)).status_code == 403
    missing = await edge.client.post("/revoke-key", json={"entity_id": "nobody", "entity_type": "USER"}, headers=admin)
    assert (missing.status_code, list(missing.json())) == (404, ["detail"])


async def test_a_plan_without_a_tenant_is_of_whoever_has_none(edge: Administered) -> None:
    """As the lab's users are."""
    await edge.client.post(
        "/create-key",
        json={"entity_type": "USER", "entity_id": "sub-1", "default_limits": {"rpm": 1}},
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
    )
    own, other = await key(edge, user="sub-1"), await key(edge, tenant="acme", user="sub-1")
    assert [(await chat(edge, own)).status_code for _ in range(2)] == [200, 429]
    assert [(await chat(edge, other)).status_code for _ in range(2)] == [200, 200]


async def test_the_labs_hashed_keys() -> None:
    """Found by one SHA-256, where that is wanted; the key itself is stored nowhere."""
    lab = "lab-key-0123456789abcdef"
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    body = {"entity_type": "API_KEY", "entity_id": lab, "default_limits": {"rpm": 2}}
    async with administered(two_providers(auth={"plan_keys": True})) as edge:
        assert (await chat(edge, lab)).status_code == 401
        made = await edge.client.post("/create-key", json=body, headers=admin)
        assert made.json()["plan"]["entity_id"] == hashlib.sha256(lab.encode()).hexdigest()
        assert lab not in made.text
        assert [(await chat(edge, lab)).status_code for _ in range(3)] == [200, 200, 429]
        await edge.client.post("/revoke-key", json={"entity_type": "API_KEY", "entity_id": lab}, headers=admin)
        assert (await chat(edge, lab)).status_code == 401


async def test_the_admin_api_describes_itself(edge: Administered) -> None:
    """To everybody, and without anything from elsewhere."""
    shown = (await edge.client.get("/openapi.json", headers={"authorization": ""})).json()
    rows = {(row.method.lower(), row.path) for row in TABLE if row.admin or row.family == "admin"}
    assert {(method, path) for path, methods in shown["paths"].items() for method in methods} == rows
    page = await edge.client.get("/docs", headers={"authorization": ""})
    assert page.status_code == 200
    assert "/v1/admin/plans" in page.text
    assert "http" not in page.text.replace("<!doctype html>", "")
