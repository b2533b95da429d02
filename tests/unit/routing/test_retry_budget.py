"""How many retries there may be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.retry_budget import SLICES, BudgetRules, RetryBudget, RetryBudgets


def budget(share: float, floor_per_s: float, window_s: float = 10.0) -> RetryBudget:
    return RetryBudget(BudgetRules(share=share, floor_per_s=floor_per_s, window_s=window_s))


def taken(b: RetryBudget, now: float, of: int = 1000) -> int:
    return sum(b.take(now) for _ in range(of))


@pytest.mark.parametrize(
    ("share", "floor", "requests", "allowed"), [(0.2, 0, 100, 20), (0.2, 1, 100, 30), (0.0, 1, 100, 10), (0.0, 0, 100, 0)]
)
def test_a_share_and_a_floor(share: float, floor: float, requests: int, allowed: int) -> None:
    """Together; both 0: no retry at all."""
    b = budget(share, floor)
    for _ in range(requests):
        b.request(5.0)
    assert taken(b, 5.0) == allowed
    assert b.exhausted == 1000 - allowed


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Requests and retries alike."""
    b = budget(0.5, 0.0)
    for _ in range(10):
        b.request(100.0)
    assert taken(b, 100.0) == 5
    assert taken(b, 109.0) == 0
    for _ in range(10):
        b.request(109.0)
    assert taken(b, 109.0) == 5
    assert taken(b, 130.0) == 0, "nobody has asked for anything for twenty seconds"


def test_the_floor_comes_back() -> None:
    """Averaged over the window: a burst uses it up for as long."""
    b = budget(0.0, 2.0)
    assert taken(b, 50.0) == 20
    assert taken(b, 59.0) == 0
    assert taken(b, 61.0) == 20


def test_what_was_not_used_is_given_back() -> None:
    """A token for a retry that was not made."""
    b = budget(0.0, 0.1)
    assert b.take(1.0)
    b.give_back()
    assert (b.take(1.0), b.take(1.0)) == (True, False)


@settings(max_examples=150, derandomize=True)
@given(
    events=st.lists(st.tuples(st.floats(0.0, 1.5), st.booleans()), max_size=120),
    share=st.floats(0.0, 1.0),
    floor=st.floats(0.0, 3.0),
)
def test_no_window_has_more_than_it_may(events: list[tuple[float, bool]], share: float, floor: float) -> None:
    """Looking back from each retry: at most the share of the requests, at most a slice more of them, and the floor."""
    window = 10.0
    b = budget(share, floor, window)
    now = 1000.0
    asked: list[float] = []
    again: list[float] = []
    for step, retry in events:
        now += step
        if not retry:
            b.request(now)
            asked.append(now)
        elif b.take(now):
            again.append(now)
            since = now - window
            retries = sum(1 for at in again if at >= since)
            requests = sum(1 for at in asked if at >= since - window / SLICES)
            assert retries <= share * requests + floor * window + 1e-9


def test_one_for_each_entry() -> None:
    """The same as long as the rules are."""
    budgets = RetryBudgets()
    assert budgets.of("a") is budgets.of("a")
    assert budgets.of("a") is not budgets.of("b")
