"""What hedging remembers."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.hedge import KEPT, LEAST, MAX_TARGETS, HedgeBook, Waits


@given(samples=st.lists(st.floats(0, 100), max_size=3 * KEPT))
def test_the_p95_of_the_last_samples(samples: list[float]) -> None:
    """By sorting them all; None while there are too few."""
    waits = Waits()
    for sample in samples:
        waits.add(sample)
    last = sorted(samples[-KEPT:])
    assert waits.p95() == (None if len(last) < LEAST else last[-(-len(last) * 95 // 100) - 1])


def test_one_slow_answer_of_twenty_is_no_p95() -> None:
    """The nineteenth is."""
    waits = Waits()
    for sample in (9.0, *[float(i) / 10 for i in range(19)]):
        waits.add(sample)
    assert waits.p95() == 1.8


def test_an_entrys_budget_stays_until_its_share_changes() -> None:
    """A reload that leaves it alone does not refill it."""
    book = HedgeBook()
    assert book.budget("m", 0.5).take()
    assert not book.budget("m", 0.5).take()
    assert book.budget("m", 0.6).take()


def test_targets_are_bounded() -> None:
    """Clients choose names where an entry is a pattern."""
    book = HedgeBook()
    first = book.waits("a/0")
    for i in range(1, MAX_TARGETS + 1):
        book.waits(f"a/{i}")
    assert book.waits("a/0") is not first


def test_old_samples_are_forgotten() -> None:
    """A target that has become fast is fast."""
    waits = Waits()
    for i in range(KEPT + KEPT):
        waits.add(9.0 if i < KEPT else 1.0)
    assert waits.p95() == 1.0
