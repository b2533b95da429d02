"""Which limits hold for whom."""

from typing import Any, cast

import pytest

from proxy.core.claims import Slots, Window
from proxy.core.entities import Caps, Limits
from proxy.core.identity import Principal
from proxy.governance.budgets.policy import BudgetRules, Budgets
from proxy.governance.limits import rules as rules_module
from proxy.governance.limits.rules import REMADE_S, SHARED, RuleBook, claims_of
from proxy.governance.plans.book import PlanSet
from proxy.storage.hot.admission_memory import MemoryAdmission
from proxy.storage.plans import Plan
from tests.support.clock import FakeClock
from tests.unit.governance.limits.made import Purse, World


def test_each_limit_is_a_claim() -> None:
    """A burst in any second, a sustained rate over ten."""
    limits = Limits(rpm=60, input_tpm=10, output_tpm=20, tpm=25, concurrency=3, qps=5, burst=10)
    assert set(claims_of(limits, "k")) == {
        Window("k", "requests", 60),
        Window("k", "input", 10),
        Window("k", "output", 20),
        Window("k", "tokens", 25),
        Slots("k", 3),
        Window("k", "requests", 10, 1),
        Window("k", "requests", 50, 10),
    }
    assert set(claims_of(Limits(rpm=60, tpm=5, algorithm="bucket"), "k")) == {
        Window("k", "requests", 60, bucket=True),
        Window("k", "tokens", 5, bucket=True),
    }


@pytest.mark.parametrize(
    ("qps", "burst", "expected"),
    [(5.0, None, (5, 1)), (0.5, None, (5, 10)), (0.01, None, (1, 100)), (0.5, 10, (10, 20)), (5.0, 10, (50, 10)), (1.5, None, (1, 1))],
)
def test_a_rate_is_a_window_that_holds_the_burst(qps: float, burst: int | None, expected: tuple[int, int]) -> None:
    """And at least one request."""
    found = [
        c
        for c in claims_of(Limits(qps=qps, burst=burst), "k")
        if isinstance(c, Window) and (burst is None or c.limit != burst or c.span_s > 1)
    ]
    assert (found[-1].limit, found[-1].span_s) == expected


def test_what_spans_tenants_is_a_group_of_its_own() -> None:
    """So that one script touches one slot of a cluster."""
    world = World(default=Limits(rpm=1), gateway=Limits(rpm=2), models={"m": Limits(input_tpm=3)})
    found = world.book.find(Principal(key_id="k", tenant="t"), "m")
    assert found is not None
    assert [(group.tag, [claim.key for claim in group.claims]) for group in found.groups] == [
        ("t", ["API_KEY:k:*"]),
        (SHARED, ["MODEL:m:*", "GATEWAY:*"]),
    ]


def test_they_are_made_once_and_for_models_without_limits_together() -> None:
    """Names that clients make up cost nothing; another record of the key makes other rules."""
    world = World(default=Limits(rpm=1), models={"m": Limits(rpm=1)})
    principal = Principal(key_id="k", tenant="t")
    found = world.book.find(principal, "x1")
    assert found is world.book.find(principal, "x2")
    assert found is not world.book.find(principal, "m")
    again = world.book.find(Principal(key_id="k", tenant="t"), "x1")
    assert found is not None
    assert again is not None
    assert again.prepared is found.prepared
    other = world.book.find(Principal(key_id="k", tenant="t", limits=Limits(rpm=9)), "x1")
    assert other is not None
    assert other.prepared is not found.prepared


def test_budgets_are_asked_again_after_a_while() -> None:
    """What was raised for a time comes down."""
    purse = Purse(100)
    world = World(budgets=purse)
    principal = Principal(key_id="k", tenant="t")
    found = world.book.find(principal, None)
    purse.cap = 50
    assert world.book.find(principal, None) is found
    world.clock.advance(REMADE_S + 0.1)
    again = world.book.find(principal, None)
    assert again is not None
    assert again.spends[0].cap == 50


def test_the_number_of_rules_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters live on in the store."""
    monkeypatch.setattr(rules_module, "MAX_RULED", 10)
    world = World(default=Limits(rpm=1))
    for n in range(25):
        world.book.find(Principal(key_id=f"k{n}", tenant="t"), None)
    assert len(world.book._known) <= 10


def test_switched_off_money_alone_counts() -> None:
    """`limits.enabled: false`."""
    world = World(default=Limits(rpm=1), limited=False, budgets=Purse(1))
    found = world.book.find(Principal(key_id="k", tenant="t", limits=Limits(rpm=1)), None)
    assert found is not None
    assert not found.first
    assert World(default=Limits(rpm=1), limited=False).book.find(Principal(key_id="k", tenant="t"), None) is None


def test_a_plan_of_no_tenant_has_a_group_of_its_own() -> None:
    """Its limits and its money, which principals of no tenant share; the key's own, and its own plan's, stay with the key."""

    class Held:
        def __init__(self, plans: PlanSet) -> None:
            self._plans = plans

        def find(self, principal: Principal) -> PlanSet:
            return self._plans

        async def load(self, principal: Principal) -> PlanSet:
            return self._plans

    own: dict[str, Any] = {"created_at": 1.0, "default_limits": Limits(rpm=1), "caps": Caps(total=5)}
    bob = Plan(usage_id="1", entity_type="USER", entity_id="bob", **own)
    service = Plan(usage_id="2", entity_type="SERVICE", entity_id="s", tenant="k", **own)
    plans, clock, unpriced = Held(PlanSet([bob, service], "k")), FakeClock(), cast(Any, None)
    budgets = Budgets(BudgetRules(default_monthly=7), unpriced, plans=plans)
    book = RuleBook(MemoryAdmission(clock), clock, default=Limits(rpm=9), plans=plans, budgets=budgets)
    found = book.find(Principal(key_id="k", tenant="k", user="bob", service="s"), "m")
    assert found is not None
    groups = {group.tag: sorted(claim.key.partition(":2")[0] for claim in group.claims) for group in found.groups}
    assert groups == {"SYSTEM": ["USER:bob:*", "USER:bob:total"], "k": ["API_KEY:k", "API_KEY:k:*", "SERVICE:s:*", "SERVICE:s:total"]}
