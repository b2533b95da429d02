"""How many hedges there may be."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.hedge_budget import SAVED, HedgeBudget


@given(share=st.floats(0, 1), requests=st.lists(st.booleans(), max_size=400))
def test_over_all_requests_at_most_one_more_than_the_share(share: float, requests: list[bool]) -> None:
    """Whoever asks when."""
    budget, taken = HedgeBudget(share), 0
    for slow in requests:
        budget.request()
        taken += slow and budget.take()
    assert taken <= share * len(requests) + 1 + 1e-6
    assert taken == 0 or share > 0


def test_a_share_is_used_whole() -> None:
    """Where every request is slow, every twentieth is hedged at 0.05, and the first one."""
    budget = HedgeBudget(0.05)
    taken = 0
    for _ in range(1000):
        budget.request()
        taken += budget.take()
    assert taken == 51


def test_what_is_saved_is_bounded() -> None:
    """After a long quiet time a bunch of ten at 0.05."""
    budget = HedgeBudget(0.05)
    for _ in range(10_000):
        budget.request()
    taken = 0
    while budget.take():
        taken += 1
    assert taken == SAVED * 0.05


def test_a_hedge_that_was_not_made_is_given_back() -> None:
    """But no more than can be saved."""
    budget = HedgeBudget(0.001)
    budget.give_back()
    assert (budget.take(), budget.take()) == (True, False)
    budget.give_back()
    assert budget.take()


def test_everybody_may() -> None:
    """A share of 1."""
    budget = HedgeBudget(1)
    for _ in range(500):
        budget.request()
        assert budget.take()
