"""May this principal use this model?"""

import orjson
import pytest
from starlette.types import Receive, Scope, Send

from proxy.api.json_response import send_json
from proxy.core.context import SCOPE_KEY, RequestContext
from proxy.core.errors import EdgeError
from proxy.core.identity import Principal
from proxy.core.route import RouteInfo
from proxy.governance.plans.book import NO_PLANS, PlanSet
from proxy.governance.rbac import ModelPermit
from tests.unit.governance.idempotency.test_middleware import repeats
from tests.unit.governance.stack_fixture import CHAT_PATH, GOOD, echo, stack


async def test_a_key_with_a_model_list_is_judged_by_target() -> None:
    """`permit` is left for the attempts (contract D)."""
    verdicts: list[EdgeError | None] = []

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        ctx = scope[SCOPE_KEY]
        ctx.model = orjson.loads(ctx.body)["model"]
        verdicts.append(ctx.permit("openai", "x").error)
        await send_json(send, 200, {})

    client, _ = stack(ask)
    for model in ("only", "other"):
        await client.post(CHAT_PATH, json={"model": model}, headers={"x-api-key": "slow"})
    assert verdicts[0] is None
    assert verdicts[1] is not None
    assert verdicts[1].status == 403


@pytest.mark.parametrize(
    ("listed", "asked", "target", "allowed"),
    [
        ({"m"}, "m", ("p", "anything"), True),
        ({"p/real"}, "m", ("p", "real"), True),
        ({"p/real"}, "m", ("q", "real"), False),
        ({"*"}, "m", ("p", "x"), True),
        (set(), "m", ("p", "m"), False),
    ],
)
def test_what_a_name_on_the_list_allows(listed: set[str], asked: str, target: tuple[str, str], allowed: bool) -> None:
    """The routes asked for by it, or that one `provider/model`."""
    ctx = RequestContext(RouteInfo(name="/x", family="openai"), "t", 0.0)
    ctx.model = asked
    assert (ModelPermit(frozenset(listed), ctx)(*target).error is None) is allowed


async def test_a_key_without_a_list_may_use_everything() -> None:
    """Absent is not empty."""
    errors: list[EdgeError | None] = []

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        errors.append(scope[SCOPE_KEY].permit("p", "m").error)
        await send_json(send, 200, {})

    client, _ = stack(ask)
    await client.post(CHAT_PATH, json={}, headers={"x-api-key": "good"})
    assert errors == [None]


async def test_a_route_s_scope_is_asked_for() -> None:
    """A role without it is refused, and told which it is and who can help."""
    client, _ = stack(echo)
    refused = await client.get("/v1/agent/invoke", headers={"x-api-key": "auditor"})
    assert refused.status_code == 403
    assert "lacks the scope agents" in refused.json()["detail"]
    assert (await client.get("/v1/agent/invoke", headers={"x-api-key": "good"})).status_code == 200


class Known:
    """There are no plans."""

    def find(self, principal: Principal) -> PlanSet:
        return NO_PLANS

    async def load(self, principal: Principal) -> PlanSet:
        return NO_PLANS


async def test_plans_are_left_for_the_limits_unless_the_request_has_waited_since() -> None:
    """For its Idempotency-Key: they may have changed by then."""
    left: list[object] = []

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        left.append(scope[SCOPE_KEY].plans)
        await send_json(send, 200, {})

    client, _ = stack(ask, plans=Known(), **repeats())
    for headers in (GOOD, {**GOOD, "idempotency-key": "k"}):
        await client.post(CHAT_PATH, json={}, headers=headers)
    assert left == [NO_PLANS, None]
