"""Contract E by usage plans, over sockets: caps of a tenant, a team, a project, a user and a service, every one of them kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from proxy.admin.events import KeptEvents
from proxy.core.entities import Entity
from proxy.governance.budgets.periods import FOREVER
from proxy.settings import Settings
from proxy.storage.issue import new_key, signing_secret
from tests.support.admin import Administered, administered
from tests.support.gateway import chat_body, settings
from tests.support.upstream import Upstream, chat, json_answer

PRICES: dict[str, Any] = {"gpt-4o-mini": {"input": 10, "output": 100}}
"""USD a million: 10 000 nano-USD an input token, 100 000 an output token."""
CENT = 10_000_000
"""Of an answer: 100 output tokens."""
ENTITIES = {"TENANT": "the tenant", "DEPARTMENT": "the team", "PROJECT": "the project", "USER": "the user", "SERVICE": "the service"}
IDS = {"TENANT": "acme", "DEPARTMENT": "search", "PROJECT": "apollo", "USER": "ann", "SERVICE": "indexer"}
OWN = {"tenant": "acme", "team": "search", "project": "apollo", "user": "ann", "service": "indexer"}
"""Of a key that counts for all of them."""


def config(upstream: str, **more: Any) -> Settings:
    return settings(
        upstream, **{"prices": PRICES, "cache": {"enabled": False}, "routing": {"retries": {"attempts": 1}}, "budgets": {}, **more}
    )


@asynccontextmanager
async def edge_of(**more: Any) -> AsyncIterator[Administered]:
    """Each answer has 100 output tokens: one cent."""
    async with Upstream() as up:
        usage = {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100}
        up.on(json_answer({**chat("ok"), "usage": usage}))
        async with administered(config(up.url, **more), admin_events=KeptEvents()) as running:
            yield running


async def key(edge: Administered, **own: Any) -> str:
    state = edge.gateway.state
    made, record = new_key(await signing_secret(state.records, None), state.clock.time(), **own)
    await state.records.create(record)
    return made


async def cap(edge: Administered, kind: str, id_: str, tenant: str = "acme", **caps: Any) -> None:
    body = {"entity_type": kind, "entity_id": id_, "tenant_id": tenant, "caps": caps}
    answer = await edge.call("POST", "/plans", body)
    assert answer.status_code == 200, answer.text


async def ask(edge: Administered, key: str, max_tokens: int = 100) -> httpx2.Response:
    """`max_tokens` are what it reserves, at a cent a hundred."""
    headers = {"authorization": f"Bearer {key}"}
    return await edge.client.post("/v1/chat/completions", json=chat_body(max_tokens=max_tokens), headers=headers)


@pytest.mark.parametrize("kind", ENTITIES)
async def test_402_names_whose_budget_it_is(kind: str) -> None:
    """With the spending, and when it begins anew; another of the same kind goes on."""
    async with edge_of() as edge:
        await cap(edge, kind, IDS[kind], monthly_usd=0.03)
        mine, other = await key(edge, **OWN), await key(edge, **{name: f"other-{id_}" for name, id_ in OWN.items()})
        assert (await ask(edge, mine)).status_code == 200
        assert (await ask(edge, mine)).status_code == 200
        refused = await ask(edge, mine)
        assert refused.status_code == 402, refused.text
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exceeded")
        assert error["message"].startswith(f"Monthly budget exceeded: $0.02 / $0.03. It is the budget of {ENTITIES[kind]}, ")
        assert "It begins anew at 20" in error["message"]
        assert refused.headers["x-should-retry"] == "false"
        assert refused.headers["x-llm-edge-error-source"] == "gateway"
        assert "retry-after" not in refused.headers
        assert (await ask(edge, other)).status_code == 200


async def test_the_tightest_of_the_hierarchy_refuses_and_nobody_is_charged_for_it() -> None:
    """All or none: what the user may no longer spend leaves the team's and the tenant's money to others."""
    async with edge_of() as edge:
        await cap(edge, "USER", "ann", monthly_usd=0.025)
        await cap(edge, "DEPARTMENT", "search", daily_usd=0.045)
        await cap(edge, "TENANT", "acme", total_usd=0.065)
        ann, bob, eve = [
            await key(edge, tenant="acme", team=team, user=user) for team, user in (("search", "ann"), ("search", "bob"), ("", "eve"))
        ]
        whose = []
        for one in (ann, bob, eve):
            answers = [await ask(edge, one) for _ in range(3)]
            assert [answer.status_code for answer in answers[:2]] == [200, 200]
            whose.append(answers[2].json()["error"]["message"])
        assert "Monthly budget exceeded: $0.02 / $0.025. It is the budget of the user" in whose[0]
        assert "Daily budget exceeded: $0.04 / $0.045. It is the budget of the team" in whose[1]
        assert "Total budget exceeded: $0.06 / $0.065. It is the budget of the tenant" in whose[2]
        assert "It has to be raised" in whose[2]
        shown = await edge.get("/tenants/acme/usage")
        assert shown["current_spend"] == 0.06


async def test_what_is_left_of_the_tightest_is_sent_as_the_cap() -> None:
    """And the client is told."""
    async with edge_of() as edge:
        await cap(edge, "TENANT", "acme", monthly_usd=5)
        await cap(edge, "USER", "ann", monthly_usd=0.05)
        answer = await ask(edge, await key(edge, tenant="acme", user="ann"), max_tokens=4000)
        assert answer.status_code == 200
        assert 256 <= int(answer.headers["x-llm-edge-max-tokens-capped"]) < 500


async def test_many_at_once_of_several_keys_never_spend_past_a_teams_cap() -> None:
    """Nor a cent less than fits, once what was reserved is settled."""
    async with edge_of() as edge:
        await cap(edge, "DEPARTMENT", "search", monthly_usd=0.1)
        keys = [await key(edge, tenant="acme", team="search", user=f"u{n}") for n in range(5)]
        codes: list[int] = []
        for _ in range(3):
            codes += [answer.status_code for answer in await asyncio.gather(*(ask(edge, keys[n % 5]) for n in range(20)))]
        state = edge.gateway.state
        assert state.ledger is not None
        await state.ledger.flush()
        spent = await state.usage.spent(Entity("DEPARTMENT", "search", "acme"), 0, FOREVER)
        assert set(codes) == {200, 402}
        assert spent == codes.count(200) * CENT
        assert 9 * CENT <= spent <= 10 * CENT


async def test_a_soft_cap_warns_and_a_raised_one_lets_through() -> None:
    async with edge_of() as edge:
        await cap(edge, "USER", "soft", monthly_usd=0.015, soft=True)
        soft = await key(edge, tenant="acme", user="soft")
        assert [(await ask(edge, soft)).status_code for _ in range(3)] == [200] * 3
        until = edge.gateway.state.clock.time() + 3600
        await cap(edge, "USER", "ann", monthly_usd=0.015, raised={"usd": 0.01, "until": until})
        ann = await key(edge, tenant="acme", user="ann")
        assert [(await ask(edge, ann)).status_code for _ in range(3)] == [200, 200, 402]


async def test_a_cap_of_a_plan_holds_after_a_restart(tmp_path: Path) -> None:
    """The counter is rebuilt from the ledger: a user's, also where its plan is of no tenant and its keys are two."""
    stores = {"records": f"sqlite:///{tmp_path}/records.db"}
    async with edge_of(stores=stores) as edge:
        await cap(edge, "USER", "bob", "SYSTEM", monthly_usd=0.035)
        keys = [await key(edge, user="bob"), await key(edge, user="bob")]
        assert [(await ask(edge, one)).status_code for one in keys] == [200, 200]
    async with edge_of(stores=stores) as edge:
        assert [(await ask(edge, keys[0])).status_code for _ in range(2)] == [200, 402]
        refused = await ask(edge, keys[1])
        assert refused.json()["error"]["message"].startswith("Monthly budget exceeded: $0.03 / $0.035. It is the budget of the user")
