"""Usage plans through a whole gateway: what a tenant, a team and a user may, everybody's counter enforced; the AWS lab's doors."""

import asyncio
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


async def chat(edge: Administered, key: str, model: str = "plain", **more: Any) -> httpx2.Response:
    sent = {"authorization": f"Bearer {key}"}
    return await edge.client.post("/v1/chat/completions", json=chat_body(model=model, **more), headers=sent)


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


async def test_429_names_whose_limit_it_is(edge: Administered) -> None:
    """And nothing is taken from the others by it; headers tell of the one that is nearest to its end."""
    names = {"USER": "the user", "SERVICE": "the service", "DEPARTMENT": "the team", "PROJECT": "the project", "TENANT": "the tenant"}
    for kind, whose in names.items():
        await plan(edge, kind, kind.lower(), "tenant", default_limits={"rpm": 1}, model_limits={"canary": {"rpm": 2}})
        field = {"DEPARTMENT": "team"}.get(kind, kind.lower())
        own = await key(edge, **{"tenant": "tenant", field: kind.lower()})
        answer = await chat(edge, own)
        assert answer.status_code == 200, answer.text
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("1", "0")
        refused = await chat(edge, own)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert refused.json()["error"]["message"].startswith(f"Rate limit exceeded: {whose} may use 1 requests a minute, and 1 are used.")
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert [(await chat(edge, own, "canary")).status_code for _ in range(3)] == [200, 200, 429]
        assert (await edge.call("DELETE", f"/plans/{kind}/{kind.lower()}?tenant_id=tenant")).status_code == 200


async def test_a_models_own_tokens(edge: Administered) -> None:
    """Total tokens, and by a bucket."""
    model_limits = {"plain": {"tpm": 100}, "canary": {"rpm": 1, "algorithm": "bucket"}}
    made = await plan(edge, "USER", "ann", default_limits={"tpm": 100_000}, model_limits=model_limits)
    assert made["default_limits"] == {"tpm": 100_000}
    assert made["model_limits"] == model_limits
    ann = await key(edge, tenant="acme", user="ann")
    codes = [(await chat(edge, ann, "plain", max_tokens=80)).status_code for _ in range(20)]
    assert codes[0] == 200
    assert codes[-1] == 429
    assert [(await chat(edge, ann, "canary")).status_code for _ in range(2)] == [200, 429]
    assert (await chat(edge, ann, "only/old")).status_code == 200
    wrong = {"entity_type": "USER", "entity_id": "x", "default_limits": {"algorithm": "leaky"}}
    assert (await edge.call("POST", "/plans", wrong)).json()["message"].startswith("default_limits.algorithm")


async def test_models_that_plans_forbid_are_not_listed(edge: Administered) -> None:
    """As by the key's own list: in no family's list, and unknown by name."""
    await plan(edge, "TENANT", "acme", model_permissions=["plain", "canary", "old/m"])
    ann = await key(edge, tenant="acme", user="ann", models=("plain", "only/old"))
    sent = {"authorization": f"Bearer {ann}"}
    assert [one["id"] for one in (await edge.client.get("/v1/models", headers=sent)).json()["data"]] == ["plain", "only/old"]
    await plan(edge, "USER", "ann", model_permissions=["plain"])
    assert [one["id"] for one in (await edge.client.get("/v1/models", headers=sent)).json()["data"]] == ["plain"]
    gemini = (await edge.client.get("/v1beta/models", headers=sent)).json()["models"]
    assert [one["name"] for one in gemini] == ["models/plain"]
    assert (await edge.client.get("/v1/models/plain", headers=sent)).status_code == 200
    assert (await edge.client.get("/v1/models/canary", headers=sent)).status_code == 404
    everything = (await edge.client.get("/v1/models")).json()["data"]
    assert {"plain", "canary", "only/old"} <= {one["id"] for one in everything}


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


async def test_keys_of_no_tenant_share_the_counter_of_a_plan_of_none(edge: Administered) -> None:
    """The lab's plans are everybody's: one user is one, whichever key it comes with. A key of a tenant does not count there."""
    await plan(edge, "USER", "bob", "SYSTEM", default_limits={"rpm": 3})
    one, other, tenants = [await key(edge, user="bob", **own) for own in ({}, {}, {"tenant": "acme"})]
    assert [(await chat(edge, asked)).status_code for asked in (one, tenants, other, one, tenants, other)] == [200, 200, 200, 200, 200, 429]


async def test_the_labs_hashed_keys_of_a_tenant() -> None:
    """A credential of the plan's tenant, and counts for it; revoked without its name, as the lab does. No other tenant gets it, too."""
    lab = "lab-key-0123456789abcdef"
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    body = {"entity_type": "API_KEY", "entity_id": lab, "tenant_id": "acme"}
    async with administered(two_providers(auth={"plan_keys": True})) as edge:
        assert (await chat(edge, lab)).status_code == 401
        assert (await edge.client.post("/create-key", json=body, headers=admin)).json()["plan"]["tenant_id"] == "acme"
        await plan(edge, "TENANT", "acme", default_limits={"rpm": 2})
        assert [(await chat(edge, lab)).status_code for _ in range(3)] == [200, 200, 429]
        for other in ({**body, "tenant_id": "other"}, {**body, "tenant_id": "SYSTEM"}):
            assert (await edge.client.post("/create-key", json=other, headers=admin)).status_code == 409
        hashed = {**body, "entity_id": hashlib.sha256(lab.encode()).hexdigest(), "tenant_id": "other"}
        assert (await edge.call("POST", "/plans", hashed)).status_code == 409
        await edge.client.post("/revoke-key", json={"entity_type": "API_KEY", "entity_id": lab}, headers=admin)
        assert (await chat(edge, lab)).status_code == 401


@pytest.mark.parametrize("door", ["/v1/admin/plans", "/create-key"])
async def test_a_create_sent_twice_makes_one_plan(edge: Administered, door: str) -> None:
    """With an Idempotency-Key: the same plan again, also of many at once; 422 for another body; what was deleted is not made again."""
    sent = {"authorization": f"Bearer {ADMIN_KEY}", "idempotency-key": "k-1"}
    body: dict[str, Any] = {"entity_type": "USER", "entity_id": "ann", "tenant_id": "acme", "default_limits": {"rpm": 5}}
    answers = await asyncio.gather(*(edge.client.post(door, json=body, headers=sent) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    mismatch = await edge.client.post(door, json={**body, "default_limits": {"rpm": 6}}, headers=sent)
    assert mismatch.status_code == 422
    assert "Idempotency-Key" in mismatch.text
    assert (await edge.client.post(door, json=body, headers={**sent, "idempotency-key": "k-2"})).status_code == 409
    assert len((await edge.get("/plans"))["plans"]) == 1
    assert [event.action for event in EVENTS.events] == ["plan.created"]
    assert (await edge.call("DELETE", "/plans/USER/ann?tenant_id=acme")).status_code == 200
    assert (await edge.client.post(door, json=body, headers=sent)).status_code == 409
    assert (await edge.get("/plans"))["plans"] == []


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
