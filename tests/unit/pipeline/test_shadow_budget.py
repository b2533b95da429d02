"""What shadows may cost."""

from proxy.pipeline.shadow_budget import ShadowBudget


def test_what_does_not_fit_is_not_taken() -> None:
    """Set aside first, settled at what it cost; each name has its own."""
    budget = ShadowBudget()
    assert budget.take("a", 60, 100)
    assert not budget.take("a", 60, 100)
    assert budget.take("b", 60, 100)
    budget.settle("a", 60, 10)
    assert budget.take("a", 60, 100)
    assert budget.spent("a") == 70


def test_without_a_bound_everything_fits() -> None:
    """It is counted all the same."""
    budget = ShadowBudget()
    assert budget.take("a", 10**12, None)
    assert budget.spent("a") == 10**12
