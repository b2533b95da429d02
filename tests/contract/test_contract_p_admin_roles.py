"""Contract P: who may use which admin route, row by row of the table; the others are refused before anything of theirs is read.

Roles of the identity of users (JWT) come with identity; here are keys: none, a client's, a developer's, an administrator's, and an
administrator's of one tenant.
"""

from collections.abc import AsyncIterator

import pytest

from proxy.admin.reload import Reloaded
from proxy.api.routes import PREFIXES, TABLE, Row
from proxy.storage.issue import new_key, signing_secret
from proxy.storage.records import Role
from tests.support.admin import ADMIN_KEY, KEY, Administered, administered

ADMIN_ROWS = [row for row in TABLE if row.path.startswith("/v1/admin")]
TENANTS = ("/v1/admin/usage", "/v1/admin/tenants")
"""Where a tenant's administrator has business, too."""
BODIES: dict[str, dict[str, object]] = {"admin_weights": {"weights": {"old/m": 1}}, "admin_cache_purge": {"model": "m"}}
ANSWERS = {"admin_config_managed": 409, "admin_route_managed": 409}
"""What an administrator gets, where that is not 200."""


async def reload() -> Reloaded:
    return Reloaded(version="b", previous="a")


@pytest.fixture
async def edge() -> AsyncIterator[Administered]:
    async with administered(reload=reload) as running:
        yield running


async def key(edge: Administered, role: Role, tenant: str | None = None) -> str:
    state = edge.gateway.state
    made, record = new_key(await signing_secret(state.records, None), state.clock.time(), role=role, tenant=tenant)
    await state.records.create(record)
    return made


def path_of(row: Row) -> str:
    return row.path.removeprefix("/v1/admin").replace("{model}", "canary").replace("{target}", "old/m").replace("{tenant}", "acme")


@pytest.mark.parametrize("row", ADMIN_ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_roles(edge: Administered, row: Row) -> None:
    """No key and a wrong one 401; a client's, a developer's, and that of one tenant's administrator 403; an administrator's does it."""
    path, body = path_of(row), BODIES.get(row.handler)
    for wrong in (None, "sk-nobody-0123456789"):
        answer = await edge.call(row.method, path, body, key=wrong)
        assert answer.status_code == 401, (wrong, answer.text)
        assert set(answer.json()) == {"code", "message", "trace_id", "details"}
    others: tuple[tuple[Role, str | None], ...] = (("client", None), ("developer", None), ("admin", "acme"))
    if row.path.startswith(TENANTS):
        others = others[:2]
    for role, tenant in others:
        answer = await edge.call(row.method, path, body, key=await key(edge, role, tenant))
        assert answer.status_code == 403, (role, tenant, answer.text)
    assert (await edge.call(row.method, path, body, key=KEY)).status_code == 403
    assert (await edge.get("/routes"))["drift_version"] == 0
    for admin in (ADMIN_KEY, await key(edge, "admin")):
        assert (await edge.call(row.method, path, body, key=admin)).status_code == ANSWERS.get(row.handler, 200)


@pytest.mark.parametrize("row", ADMIN_ROWS, ids=lambda row: f"{row.method} {row.path}")
async def test_below_the_prefixes_too(edge: Administered, row: Row) -> None:
    """The same route, the same guard."""
    for prefix in PREFIXES:
        url = f"{prefix}/v1/admin{path_of(row)}"
        answer = await edge.client.request(row.method, url, json=BODIES.get(row.handler))
        assert answer.status_code == 403


def test_the_whole_family_is_guarded() -> None:
    """No row under /v1/admin is public or of another family."""
    assert ADMIN_ROWS
    assert {(row.family, row.public) for row in ADMIN_ROWS} == {("admin", False)}
    assert all(row.path.startswith("/v1/admin") for row in TABLE if row.family == "admin")


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
