"""Claims of one process."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.claims import TAKEN, Amounts, Group, Part, Slots, Spend, Window, of_rest, taken_by
from proxy.governance.limits.standing import standing_of
from proxy.storage.hot.admission_memory import SWEEP_AT, MemoryAdmission, MemoryRules
from tests.support.clock import FakeClock


def test_what_was_taken_is_free_again_after_the_span_and_a_60th() -> None:
    """Not before the span is over, in no case."""
    clock = FakeClock(monotonic_s=1000.3)
    store = MemoryAdmission(clock)
    rules = store.prepare((Group("t", (Window("k", "requests", 2),)),))
    assert [store.claim(rules, str(n), Amounts()).refused for n in range(2)] == [None, None]
    outcome = store.claim(rules, "2", Amounts())
    assert outcome.refused is not None
    assert outcome.refused.used == 2
    assert 60.5 < outcome.retry_after_s <= 61  # so that 61, in whole seconds, is nearly exact
    clock.advance(outcome.retry_after_s - 0.5)
    assert store.claim(rules, "2", Amounts()).refused is not None
    clock.advance(0.5)
    assert store.claim(rules, "2", Amounts()) is TAKEN


def test_what_was_not_used_goes_back_and_an_overrun_is_debited_now() -> None:
    """In the bucket that it was taken from, or in the newest."""
    clock = FakeClock()
    store = MemoryAdmission(clock)
    window = Window("k", "input", 100)
    rules = store.prepare((Group("t", (window,)),))
    store.claim(rules, "a", Amounts(input=100))
    store.settle(rules, "a", Amounts(input=30))
    assert store.read(rules).readings[0].used == 30
    store.settle(rules, "a", Amounts(input=0))
    assert store.read(rules).readings[0].used == 30
    clock.advance(30)
    store.claim(rules, "b", Amounts(input=10))
    store.settle(rules, "b", Amounts(input=90))
    assert store.read(rules).readings[0].used == 120
    clock.advance(32)
    assert store.read(rules).readings[0].used == 90


def test_money_that_was_never_restored_is_missing_unless_the_store_is_fresh() -> None:
    """A missing counter is never 0."""
    spend = Spend("TENANT:t:2026-11", 100)
    store = MemoryAdmission(FakeClock())
    rules = store.prepare((Group("t", (spend,)),))
    assert store.claim(rules, "a", Amounts(nanos=1), "rest").missing == (spend,)
    store.restore(spend, "t", 95)
    store.restore(spend, "t", 95)
    assert store.claim(rules, "a", Amounts(nanos=5), "rest") is TAKEN
    refused = store.claim(rules, "b", Amounts(nanos=1), "rest").refused
    assert refused is not None
    assert (refused.used, refused.reserved) == (100, 5)
    assert store.settle(rules, "a", Amounts(nanos=2)).readings[0].used == 97
    fresh = MemoryAdmission(FakeClock(), fresh=True)
    assert fresh.claim(fresh.prepare((Group("t", (spend,)),)), "a", Amounts(nanos=1), "rest") is TAKEN


def test_a_refusal_of_the_rest_leaves_the_first_taken() -> None:
    """So that an answer from the cache counts as a request; `requests=0` gives it back."""
    store = MemoryAdmission(FakeClock())
    rules = store.prepare((Group("t", (Window("k", "requests", 5), Window("k", "input", 10), Slots("k", 1))),))
    outcome = store.claim(rules, "a", Amounts(input=11))
    assert outcome.refused is not None
    assert outcome.refused.claim == Window("k", "input", 10)
    assert [reading.used for reading in store.read(rules).readings] == [1, 0, 1]
    store.settle(rules, "a", Amounts(requests=0))
    assert [reading.used for reading in store.read(rules).readings] == [0, 0, 0]


def test_a_bucket_refills_evenly() -> None:
    """60 a minute: one a second, after the burst of all 60."""
    clock = FakeClock()
    store = MemoryAdmission(clock)
    rules = store.prepare((Group("t", (Window("k", "requests", 60, bucket=True),)),))
    assert all(store.claim(rules, str(n), Amounts()) is TAKEN for n in range(60))
    outcome = store.claim(rules, "x", Amounts())
    assert outcome.refused is not None
    assert outcome.retry_after_s == pytest.approx(1.0, abs=0.01)
    clock.advance(outcome.retry_after_s - 0.5)
    assert store.claim(rules, "x", Amounts()).refused is not None
    clock.advance(0.5)
    assert store.claim(rules, "x", Amounts()) is TAKEN


def test_idle_counters_go_and_counting_ones_stay() -> None:
    """A counter is kept by what it counts, also when the rules that used it are gone."""
    clock = FakeClock()
    store = MemoryAdmission(clock)

    def group(n: int) -> tuple[Group, ...]:
        return (Group("t", (Window(f"k{n}", "requests", 1),)),)

    for n in range(SWEEP_AT + 2):
        store.claim(store.prepare(group(n)), str(n), Amounts())
    assert len(store) == SWEEP_AT + 2
    clock.advance(30)
    assert store.claim(store.prepare(group(3)), "again", Amounts()).refused is not None
    clock.advance(40)
    for n in range(SWEEP_AT + 2, 2 * SWEEP_AT + 10):
        store.claim(store.prepare(group(n)), str(n), Amounts())
    assert len(store) < SWEEP_AT + 10


WINDOWS = (
    Window("k", "requests", 20),
    Window("k", "requests", 6, 1),
    Window("k", "input", 300),
    Window("k", "output", 400, bucket=True),
    Window("k", "tokens", 500),
    Window("k", "tokens", 100, 1),
)
Act = Part | Literal["settle"]
acts = st.tuples(
    st.floats(0, 3), st.sampled_from(["first", "rest", "all", "settle"]), st.integers(0, 3), st.integers(0, 90), st.integers(0, 90)
)


@given(st.lists(acts, max_size=40), st.sets(st.sampled_from(WINDOWS), min_size=1))
def test_the_standing_is_what_a_reading_says(acts: list[tuple[float, Act, int, int, int]], windows: set[Window]) -> None:
    """After any claims and settlements, of a store that two sets of rules share."""
    clock = FakeClock()
    store = MemoryAdmission(clock)
    rules = store.prepare((Group("t", tuple(window for window in WINDOWS if window in windows)),))
    other = store.prepare((Group("t", WINDOWS),))
    for pause_s, act, number, taken_in, taken_out in acts:
        clock.advance(pause_s)
        mine, amounts = (rules, other)[number % 2], Amounts(taken_in, taken_out)
        if act == "settle":
            store.settle(mine, str(number), amounts)
        elif act != "first" or store.fits(mine, amounts, "first") is TAKEN:
            before = [reading.used for reading in store.read(mine).readings]
            outcome = store.claim(mine, str(number), amounts, act)
            assert (outcome.refused is None) == store_fits(mine, before, amounts, act)
        assert store.standing(rules) == standing_of(store.read(rules), clock.time())


def store_fits(rules: MemoryRules, used: list[int], amounts: Amounts, part: Part) -> bool:
    """By the limits alone."""
    windows = [claim for group in rules.groups for claim in group.claims if isinstance(claim, Window)]
    return all(
        before + taken_by(window, amounts) <= window.limit
        for window, before in zip(windows, used, strict=True)
        if part == "all" or of_rest(window) == (part == "rest")
    )


@pytest.mark.parametrize("limits", [(5, 3), (3, 5)])
def test_windows_of_the_same_length_count_once(limits: tuple[int, int]) -> None:
    """`rpm` beside a burst at a rate that fills it in a minute: both hold, and a request is one."""
    store = MemoryAdmission(FakeClock())
    rules = store.prepare((Group("t", (*(Window("k", "requests", limit) for limit in limits), Window("k", "tokens", 9))),))
    assert [store.claim(rules, str(n), Amounts(1, 1)).refused is None for n in range(4)] == [True, True, True, False]
    assert [reading.used for reading in store.read(rules).readings] == [3, 3, 6]
    assert store.standing(rules)[:2] == (3, 0)
