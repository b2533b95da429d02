"""Contract P: who may use which admin route, row by row of the table; the others are refused before anything of theirs is read.

Roles of the identity of users (JWT) come with identity; here are keys: none, a client's, a developer's, an administrator's, and an
administrator's of one tenant.
"""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from proxy.admin.reload import Reloaded
from proxy.api.routes import PREFIXES, TABLE, Row
from proxy.storage.issue import new_key, signing_secret
from proxy.storage.plans import Plan
from proxy.storage.records import Role
from tests.support.admin import ADMIN_KEY, KEY, Administered, administered
from tests.support.serving import ROOT

ADMIN_ROWS = [row for row in TABLE if row.path.startswith("/v1/admin")]
TENANTS = ("/v1/admin/api-keys", "/v1/admin/usage", "/v1/admin/tenants", "/v1/admin/plans")
"""Where a tenant's administrator has business, too."""
BODIES: dict[str, dict[str, object]] = {
    "admin_weights": {"weights": {"old/m": 1}},
    "admin_cache_purge": {"model": "m"},
    "admin_key_create": {"role": "client"},
    "admin_key_update": {"role": "client", "name": "renamed"},
    "admin_plan_replace": {"default_limits": {"rpm": 1}},
}
ANSWERS = {"admin_config_managed": 409, "admin_route_managed": 409}
"""What an administrator gets, where that is not 200."""


async def reload() -> Reloaded:
    return Reloaded(version="b", previous="a")


@pytest.fixture
async def edge() -> AsyncIterator[Administered]:
    async with administered(reload=reload) as running:
        yield running


async def key(edge: Administered, role: Role, tenant: str | None = None, scopes: tuple[str, ...] = ()) -> str:
    state = edge.gateway.state
    made, record = new_key(await signing_secret(state.records, None), state.clock.time(), role=role, tenant=tenant, scopes=scopes)
    await state.records.create(record)
    return made


def body_of(row: Row) -> dict[str, object] | None:
    if row.handler == "admin_plan_create":
        return {"entity_type": "USER", "entity_id": uuid4().hex}
    return BODIES.get(row.handler)


async def path_of(edge: Administered, row: Row, tenant: str = "acme") -> str:
    """With names of what is there; a key id is one of that tenant's."""
    path = row.path.removeprefix("/v1/admin").replace("{model}", "canary").replace("{target}", "old/m").replace("{tenant}", tenant)
    if "{entity}" in path:
        name = uuid4().hex
        await edge.gateway.state.plan_records.create(Plan(usage_id=name, entity_type="USER", entity_id=name, tenant=tenant, created_at=1.0))
        path = path.replace("{entity}", f"USER/{name}") + f"?tenant_id={tenant}"
    if path.endswith("/budget"):
        path += "?monthly_cap=5"
    return path.replace("{key_id}", (await key(edge, "client", tenant)).partition(".")[0]) if "{key_id}" in path else path


@pytest.mark.parametrize("row", ADMIN_ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_roles(edge: Administered, row: Row) -> None:
    """No key and a wrong one 401; a client's and a developer's 403 in A's words; an administrator's does it."""
    path, body = await path_of(edge, row), body_of(row)
    for wrong in (None, "sk-nobody-0123456789"):
        answer = await edge.call(row.method, path, body, key=wrong)
        assert answer.status_code == 401, (wrong, answer.text)
        assert set(answer.json()) == {"code", "message", "trace_id", "details"}
    for other in (KEY, await key(edge, "client"), await key(edge, "developer"), await key(edge, "nosuchrole")):
        answer = await edge.call(row.method, path, body, key=other)
        assert (answer.status_code, answer.json()["message"]) == (403, "Admin role required"), answer.text
    assert (await edge.get("/routes"))["drift_version"] == 0
    for admin in (ADMIN_KEY, await key(edge, "admin"), await key(edge, "client", scopes=("admin",))):
        path = await path_of(edge, row)
        assert (await edge.call(row.method, path, body_of(row), key=admin)).status_code == ANSWERS.get(row.handler, 200)


@pytest.mark.parametrize("row", ADMIN_ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_administrators_of_a_tenant(edge: Administered, row: Row) -> None:
    """403 where the whole gateway is concerned; else their own, and of another tenant's not even that it is there."""
    admin, body = await key(edge, "admin", "acme"), body_of(row)
    mine = await edge.call(row.method, await path_of(edge, row), body, key=admin)
    if not row.path.startswith(TENANTS):
        assert (mine.status_code, mine.json()["details"]["code"]) == (403, "tenant_admin")
        return
    assert mine.status_code == 200, mine.text
    if "{key_id}" in row.path or "{entity}" in row.path:
        others = await edge.call(row.method, await path_of(edge, row, "other"), body, key=admin)
        assert others.status_code == 404
        assert others.json()["message"].endswith("not found")


@pytest.mark.parametrize("row", ADMIN_ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_readers(edge: Administered, row: Row) -> None:
    """`admin_read` looks at everything and changes nothing."""
    reader = await key(edge, "client", scopes=("admin_read",))
    answer = await edge.call(row.method, await path_of(edge, row), body_of(row), key=reader)
    assert answer.status_code == (200 if row.method == "GET" else 403), answer.text


@pytest.mark.parametrize("row", ADMIN_ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_below_the_prefixes_too(edge: Administered, row: Row) -> None:
    """The same route, the same guard."""
    for prefix in PREFIXES:
        url = f"{prefix}/v1/admin{await path_of(edge, row)}"
        answer = await edge.client.request(row.method, url, json=body_of(row))
        assert answer.status_code == 403


def test_the_whole_family_is_guarded() -> None:
    """No row under /v1/admin is public or of another family."""
    assert ADMIN_ROWS
    assert {(row.family, row.public) for row in ADMIN_ROWS} == {("admin", False)}
    assert all(row.path.startswith("/v1/admin") for row in TABLE if row.family == "admin")


def test_the_documents_list_them_all() -> None:
    """In docs/admin.md, each with what an administrator of one tenant has of it."""
    section = (ROOT / "docs" / "admin.md").read_text().split("\n## All routes\n")[1]
    listed = {
        (*route.split(" "), of_one_tenant)
        for routes, of_one_tenant in re.findall(r"^\| (`.*`) \| (.*?) ?\| .* \|$", section, re.MULTILINE)
        for route in re.findall(r"`(.*?)`", routes)
    }
    tenants = (*TENANTS, "/create-key", "/revoke-key")
    assert listed == {
        (row.method, row.path, "its own" if row.path.startswith(tenants) else "") for row in TABLE if row.admin or row.family == "admin"
    }


async def test_bodies_are_capped(edge: Administered) -> None:
    """By `max_body_mb.admin`, not by that of models; and only of those who may send one."""
    body = {"weights": {"old/m": 1}, "version": "x" * (1024 * 1024)}
    assert (await edge.call("PUT", "/routes/canary/weights", body)).status_code == 413
    assert (await edge.call("PUT", "/routes/canary/weights", body, key=KEY)).status_code == 403


async def test_an_unknown_admin_path_is_404_in_its_family(edge: Administered) -> None:
    """And a known one with another method 405."""
    answer = await edge.call("GET", "/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "HTTP_404")
    wrong = await edge.call("POST", "/routes")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
