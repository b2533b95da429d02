"""A plan's defaults are those of the system that it comes from."""

from proxy.core.entities import NO_LIMITS
from proxy.storage.plans import SYSTEM, Plan, PlanExists


def test_defaults() -> None:
    """Everything is permitted, nothing is limited."""
    plan = Plan(usage_id="u", entity_type="USER", entity_id="ann", created_at=0.0)
    assert (plan.tenant, plan.model_permissions, plan.active, plan.default_limits) == (SYSTEM, ("*",), True, NO_LIMITS)


def test_a_second_one_is_a_conflict() -> None:
    """409."""
    assert (PlanExists("there is one").status, PlanExists("x").code) == (409, "plan_exists")
