"""Contract P: what each route needs, row by row of the table, for every built-in role and for a role that lacks it."""

from collections.abc import AsyncIterator

import pytest

from proxy.api.permissions import BY_FAMILY, BY_PATH
from proxy.api.routes import TABLE, Router, Row
from proxy.core.identity import MODEL_FAMILIES, SCOPES
from proxy.storage.issue import new_key, signing_secret
from tests.support.admin import Administered, administered, two_providers

PRIVATE = [row for row in TABLE if not row.public and not row.admin and row.family != "admin"]
ROLES = {"nothing": {"scopes": []}, "models-only": {"scopes": ["models"]}}


@pytest.fixture
async def edge() -> AsyncIterator[Administered]:
    async with administered(two_providers(auth={"roles": ROLES})) as running:
        yield running


async def status(edge: Administered, row: Row, role: str, *, scopes: tuple[str, ...] = ()) -> tuple[int, str]:
    state = edge.gateway.state
    key, record = new_key(await signing_secret(state.records, None), state.clock.time(), role=role, scopes=scopes)
    await state.records.create(record)
    path = row.path.replace("{model}", "plain").replace("{id}", "resp_none")
    answer = await edge.client.request(
        row.method, path, json={} if row.method == "POST" else None, headers={"authorization": f"Bearer {key}"}
    )
    return answer.status_code, answer.text


def test_every_route_s_need_is_a_scope_that_exists() -> None:
    """And public routes, and those of operations, need none."""
    router = Router(dict.fromkeys((row.handler for row in TABLE), edge))
    for row in TABLE:
        info = router.classify(row.method, row.path.replace("{", "").replace("}", ""))
        assert info.name == row.path
        assert info.scope is None or info.scope in SCOPES
        assert (info.scope is None) is (row.public or row.admin or row.family in ("ops", "admin") or BY_PATH.get(row.path, "") is None)
        assert info.admin is (row.admin or row.family == "admin")
    assert set(BY_FAMILY) >= {row.family for row in TABLE}


@pytest.mark.parametrize("row", PRIVATE, ids=lambda row: f"{row.method} {row.path}")
async def test_roles_without_the_scope_are_refused(edge: Administered, row: Row) -> None:
    """403 that names the scope; with the scope of that family alone, and with every built-in role, the request is looked at."""
    code, text = await status(edge, row, "nothing")
    needed = BY_PATH.get(row.path, BY_FAMILY[row.family])
    if needed is None:
        assert code in (200, 404)
        return
    assert code == 403
    assert f"lacks the scope {needed}" in text
    for role in ("client", "developer", "admin"):
        assert (await status(edge, row, role))[0] not in (401, 403), role
    assert (await status(edge, row, "nothing", scopes=(needed,)))[0] not in (401, 403)
    others = tuple(scope for scope in SCOPES if scope not in (needed, "admin", "models"))
    assert (await status(edge, row, "nothing", scopes=others))[0] == 403
    if row.family in MODEL_FAMILIES:
        assert (await status(edge, row, "models-only"))[0] not in (401, 403)
