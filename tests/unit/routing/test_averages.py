"""Moving figures of a target."""

from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.routing.averages import DECAY_S, LEAST, RENEW, RING, PeakEwma, Recent


def test_without_a_sample_there_is_nothing_to_read() -> None:
    """None, not 0: a new target is not the fastest."""
    assert PeakEwma().read(5.0) is None


def test_a_slow_sample_counts_at_once_and_fast_ones_slowly() -> None:
    """A peak, then a pull of 1 - 1/e in `DECAY_S`."""
    ewma = PeakEwma()
    ewma.observe(0.0, 0.1)
    ewma.observe(0.0, 2.0)
    assert ewma.read(0.0) == 2.0
    ewma.observe(DECAY_S, 0.1)
    assert ewma.read(DECAY_S) == pytest.approx(2.0 / 2.718281828 + 0.1 * (1 - 1 / 2.718281828))


def test_time_alone_pulls_it_down() -> None:
    """What was slow and is not asked any more gets another chance."""
    ewma = PeakEwma()
    ewma.observe(0.0, 2.0)
    assert ewma.read(3 * DECAY_S) == pytest.approx(2.0 * exp(-3))


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0.001, 60)), min_size=1, max_size=30))
@settings(derandomize=True, deadline=None)
def test_it_stays_between_the_samples(samples: list[tuple[float, float]]) -> None:
    """Never above the largest, never below the last but for rounding."""
    ewma, now = PeakEwma(), 0.0
    for pause, seconds in samples:
        now += pause
        ewma.observe(now, seconds)
        value = ewma.read(now)
        assert value is not None
        assert seconds * 0.999 <= value <= max(s for _, s in samples) * 1.001


def test_no_p95_of_few() -> None:
    """The 20th sample is the first to give one."""
    recent = Recent()
    for n in range(1, LEAST):
        recent.add(float(n))
        assert recent.p95() is None
    recent.add(20.0)
    assert recent.p95() == 19.0


def test_the_p95_is_of_the_last_samples() -> None:
    """Older ones are forgotten, and it is computed anew now and then only."""
    recent = Recent()
    for _ in range(RING):
        recent.add(1.0)
    assert recent.p95() == 1.0
    for _ in range(RENEW - 1):
        recent.add(9.0)
    assert recent.p95() == 1.0
    recent.add(9.0)
    assert recent.p95() == 9.0
    for _ in range(RING):
        recent.add(2.0)
    assert recent.p95() == 2.0
