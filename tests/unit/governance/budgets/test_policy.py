"""Whose budgets count, what a call reserves, and what is done where too little is left."""

import asyncio
from typing import Any

import pytest

from proxy.core.claims import Outcome, Reading, Spend
from proxy.core.context import ALLOWED, Verdict
from proxy.core.entities import Caps, Raise
from proxy.core.errors import Forbidden, Unavailable
from proxy.core.identity import Principal
from proxy.core.priced import Priced
from proxy.core.response import Usage
from proxy.governance.budgets.policy import BudgetRules, Budgets, usd_nanos
from tests.unit.governance.budgets.made import NOW, Ledger, Spending, Targets, priced

USD = 1_000_000_000
ANN = Principal(key_id="k", tenant="acme", user="ann", team="red", project="p", service="s")


def body(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}


def test_everybody_it_counts_for_and_every_period() -> None:
    """The key's own, and plans' for all others."""
    types = (("USER", "ann"), ("DEPARTMENT", "red"), ("PROJECT", "p"), ("SERVICE", "s"), ("TENANT", "acme"))
    world = Spending(caps={entity: Caps(monthly=n, daily=n + 10, total=n + 20) for n, entity in enumerate(types, 1)})
    key = Principal(key_id="k", tenant="acme", user="ann", team="red", project="p", service="s", caps=Caps(daily=7, soft=True))
    found = {spend.key: (spend.cap, spend.soft) for spend in world.budgets.claims(key, NOW)}
    assert found == {
        "API_KEY:k:2026-12-01": (7, True),
        **{
            f"{kind}:{id_}:{name}": (n + more, False)
            for n, (kind, id_) in enumerate(types, 1)
            for more, name in ((0, "2026-12"), (10, "2026-12-01"), (20, "total"))
        },
    }


def test_the_default_is_for_keys_without_their_own() -> None:
    """Neither in the record nor in a plan; and not for the administrator's."""
    world = Spending(caps={("API_KEY", "planned"): Caps(monthly=5)}, default_monthly=100)

    def claims(**key: Any) -> list[int]:
        return [spend.cap for spend in world.budgets.claims(Principal(tenant="t", **key), NOW)]

    assert claims(key_id="k") == [100]
    assert claims(key_id="k", caps=Caps(monthly=7)) == [7]
    assert claims(key_id="planned") == [5]
    assert claims(key_id="admin", defaults=False) == []
    assert claims(key_id="planned", caps=Caps(monthly=3)) == [3]  # the tightest of both


def test_a_raise_for_a_while() -> None:
    """On top of every cap, until it ends."""
    caps = Caps(monthly=100, daily=10, raised=Raise(nanos=50, until=NOW + 60))
    world = Spending()
    key = Principal(key_id="k", tenant="t", caps=caps)
    assert [spend.cap for spend in world.budgets.claims(key, NOW)] == [150, 60]
    assert [spend.cap for spend in world.budgets.claims(key, NOW + 60)] == [100, 10]


async def test_all_of_them_or_none() -> None:
    """The tenant's is used up: the key's stays as it was."""
    world = Spending(caps={("TENANT", "acme"): Caps(monthly=USD)}, ledger=Ledger(TENANT=USD), default_monthly=100 * USD)
    ctx = await world.admitted(world.request(ANN, body(max_tokens=300)))
    error = await world.tried(ctx)
    assert error is not None
    assert (error.status, error.code) == (402, "budget_exceeded")
    assert error.message.startswith("Monthly budget exceeded: $1.00 / $1.00. It is the budget of the tenant.")
    assert set(world.standing(ANN).values()) == {(0, 0), (USD, 0)}
    assert world.told.counts == [("refused", "tenant", "monthly")]


async def test_shortfalls_meet_the_tightest_budget() -> None:
    """One after the other, until all pay for it."""
    caps = {("TENANT", "acme"): Caps(monthly=80_000_000), ("USER", "ann"): Caps(daily=60_000_000), ("PROJECT", "p"): Caps(total=40_000_000)}
    world = Spending(caps=caps)
    ctx = await world.admitted(world.request(ANN, body()))
    assert await world.tried(ctx) is None
    assert 256 <= (ctx.max_tokens_cap or 0) < 400
    assert max(reserved for _, reserved in world.standing(ANN).values()) <= 40_000_000
    world.ended(ctx, Usage(input_tokens=10, output_tokens=10), cost=1_100_000)
    assert set(world.standing(ANN).values()) == {(1_100_000, 0)}


async def test_an_answer_whose_cost_nobody_knows_costs_what_was_reserved() -> None:
    """In the counter and, by the context, in the ledger."""
    world = Spending(default_monthly=USD)
    ctx = await world.admitted(world.request(ANN, body(max_tokens=100)))
    assert await world.tried(ctx) is None
    ((_, reserved),) = world.standing(ANN).values()
    world.ended(ctx, Usage(input_tokens=1))
    assert ctx.cost_nanos == reserved
    assert list(world.standing(ANN).values()) == [(reserved, 0)]


async def test_a_soft_budget_only_warns() -> None:
    """At its line and at its end, once each."""
    world = Spending()
    key = Principal(key_id="k", tenant="t", caps=Caps(daily=10_000_000, soft=True, warn_at=0.5))
    for _ in range(4):
        ctx = await world.admitted(world.request(key, body(max_tokens=300)))
        assert await world.tried(ctx) is None
        assert ctx.max_tokens_cap is None
        world.ended(ctx, Usage(input_tokens=1), cost=4_000_000)
    assert [(event["type"], event["spent_usd"], event["soft"]) for event in world.told.events] == [
        ("budget.warning", 0.008, True),
        ("budget.exceeded", 0.012, True),
    ]


async def test_many_at_once_ask_the_ledger_once() -> None:
    """For a counter that nobody knows yet."""
    world = Spending(default_monthly=USD, ledger=Ledger(API_KEY=5))

    async def one() -> None:
        ctx = await world.admitted(world.request(ANN, body(max_tokens=10)))
        assert await world.tried(ctx) is None

    await asyncio.gather(*(one() for _ in range(20)))
    assert len(world.ledger.asked) == 1
    assert world.ledger.asked[0][0] == "acme/API_KEY/k"


async def test_a_ledger_that_cannot_say() -> None:
    """503, and again the next time; then it heals."""
    world = Spending(default_monthly=USD)
    world.ledger.error = Unavailable("down", code="records_unavailable")
    for _ in range(2):
        ctx = await world.admitted(world.request(ANN, body()))
        error = await world.tried(ctx)
        assert error is not None
        assert error.status == 503
        world.ended(ctx)
    world.ledger.error = None
    assert await world.tried(await world.admitted(world.request(ANN, body(max_tokens=10)))) is None


async def test_without_any_ledger() -> None:
    """There is nothing that a counter could be rebuilt from."""
    budgets = Budgets(BudgetRules(), Targets())
    with pytest.raises(Unavailable) as caught:
        await budgets.spent(Spend("API_KEY:k:total", 1), "t")
    assert caught.value.code == "no_ledger"


async def test_what_came_late_is_asked_for_up_to_a_moment() -> None:
    """Of requests that began before a counter was restored, and in no other period."""
    ledger = Ledger(API_KEY=7)
    budgets = Budgets(BudgetRules(), Targets(), records=ledger)  # type: ignore[arg-type]
    assert await budgets.spent_before(Spend("API_KEY:k:2026-11", 1), "t", 1_764_115_200) == 7
    assert ledger.asked[-1][2] == 1_764_115_200
    await budgets.spent_before(Spend("API_KEY:k:2025-10", 1), "t", 1_764_115_200)
    assert ledger.asked[-1][2] == 1_761_955_200  # 2025-11-01


async def test_the_dearest_permitted_target() -> None:
    """What is not permitted, or has no price, is left out; each is priced by itself when it is tried."""
    targets = Targets(p=priced(), q=priced(20, 200), dear=priced(1000, 1000), unknown=Priced(tariff=None))
    world = Spending(targets=targets, default_monthly=100 * USD)
    ctx = world.request(Principal(key_id="k", tenant="t", models=frozenset({"p/m", "q/m", "unknown/m"})), body(max_tokens=300))
    principal = ctx.principal
    assert principal is not None

    def permit(provider: str, model: str) -> Any:
        return ALLOWED if principal.may_use(None, provider, model) else Verdict(Forbidden("no"))

    ctx.permit = permit
    one, other = (world.budgets.nanos(ctx, provider, "m") for provider in "pq")
    assert world.budgets.nanos(ctx, None, None) == other > one
    with pytest.raises(Exception, match="is not known"):
        world.budgets.nanos(ctx, "unknown", "m")


def test_a_refusal_without_a_reading() -> None:
    """A store that says nothing is not asked further."""
    world = Spending(default_monthly=USD)
    assert world.budgets.refusal(Outcome(), world.request(ANN)).status == 503
    assert world.budgets.fitting(world.request(ANN), Outcome(), "p", "m", 0) is None
    assert usd_nanos(None) is None
    assert usd_nanos(0.1) == 100_000_000
    world.budgets.settled(world.request(ANN), [Reading(Spend("x", 1), 1)])
