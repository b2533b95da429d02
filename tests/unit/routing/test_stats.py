"""How a target has been doing."""

import pytest

from proxy.routing.health import QUOTA, HealthBook
from proxy.routing.stats import BREAKER_OPEN, COOLING, DRAINED, FOREVER, PROBE_S, PROBED, TargetStats


def test_a_new_target_is_idle_and_well() -> None:
    """Nothing is under way, nothing is known, nothing is the matter."""
    stats = TargetStats()
    assert (stats.in_flight, stats.rest(0.0), stats.barred(0.0), stats.ramp(0.0), stats.success_rate(0.0)) == (0, None, None, 1.0, 1.0)
    assert (stats.latency(0.0), stats.first_token_p95(), stats.tokens_per_s, stats.quota_left) == (None, None, None, None)


def test_why_it_rests_the_strongest_first() -> None:
    """Each by its own word, and barred is not the same as away."""
    book = HealthBook()
    stats = book.stats("p/m")
    book.away(stats, 10.0, QUOTA, 0.0)
    assert (stats.rest(0.0), stats.barred(0.0)) == (QUOTA, None)
    book.cool(stats, 9.0, 0.0)
    assert stats.rest(0.0) == stats.barred(0.0) == COOLING
    stats.breaker.open_until(8.0, 0.0)
    assert stats.rest(0.0) == BREAKER_OPEN
    book.drain(stats, True, 0.0)
    assert stats.rest(0.0) == DRAINED
    book.drain(stats, False, 0.0)
    assert stats.rest(8.0) == COOLING
    stats.breaker.begun(8.0)
    assert stats.rest(8.0) == PROBED
    stats.breaker.close(8.5)
    assert [stats.rest(now) for now in (9.0, 10.0)] == [QUOTA, None]


def test_what_is_over_is_not_looked_at_again() -> None:
    """The flag that a request reads goes down with the first look after the end."""
    book = HealthBook()
    stats = book.stats("p/m")
    book.cool(stats, 5.0, 0.0)
    assert [(stats.rest(now), stats.blocked) for now in (4.0, 5.0)] == [(COOLING, True), (None, False)]
    assert stats.barred(5.0) is None


def test_a_half_open_breaker_is_looked_at_each_time() -> None:
    """Its next request is a probe, which only a look can tell."""
    stats = TargetStats()
    stats.blocked = stats.breaker.open_until(5.0, 0.0)
    assert stats.rest(5.0) is None
    assert stats.blocked


def test_when_it_is_free() -> None:
    """The later of breaker and cool-down; a moment while a probe runs; for ever where only a person can tell."""
    book = HealthBook()
    stats = book.stats("p/m")
    assert stats.free_at(3.0) == 3.0
    book.cool(stats, 7.0, 0.0)
    assert stats.free_at(3.0) == 7.0
    stats.breaker.open_until(5.0, 0.0)
    assert stats.free_at(3.0) == 7.0
    stats.breaker.open_until(9.0, 0.0)
    assert stats.free_at(3.0) == 9.0
    stats.breaker.begun(9.0)
    assert stats.free_at(9.0) == 9.0 + PROBE_S
    book.drain(stats, True, 9.0)
    assert stats.free_at(9.0) == FOREVER


def test_slow_start_is_linear() -> None:
    """From 0 to 1, then never again until the next recovery."""
    stats = TargetStats()
    stats.ramp_from, stats.ramp_s = 100.0, 30.0
    assert [stats.ramp(now) for now in (99.0, 100.0, 115.0, 130.0)] == [0.0, 0.0, 0.5, 1.0]
    assert stats.ramp(100.0) == 1.0


def test_the_latency_of_the_kind_that_is_asked_for() -> None:
    """Of the other kind where only that is known."""
    stats = TargetStats()
    stats.whole.observe(0.0, 4.0)
    assert stats.latency(0.0, stream=True) == stats.latency(0.0, stream=False) == 4.0
    stats.first_token.observe(0.0, 0.5)
    assert (stats.latency(0.0), stats.latency(0.0, stream=False)) == (0.5, 4.0)


def test_failures_are_forgiven_with_time_and_with_successes() -> None:
    """A target that nobody asks any more comes back."""
    stats = TargetStats()
    stats.counted(0.0, success=True)
    stats.counted(0.0, success=False)
    assert stats.success_rate(0.0) == pytest.approx(0.9)
    assert 0.96 < stats.success_rate(60.0) < 0.97
    stats.counted(0.0, success=False)
    assert stats.success_rate(0.0) == pytest.approx(0.81)
    stats.counted(0.0, success=True)
    assert stats.success_rate(0.0) == pytest.approx(0.829)


def test_speed() -> None:
    """Tokens a second once they flow; one token has none."""
    stats = TargetStats()
    stats.spoke(1, 1.0)
    stats.spoke(50, 0.0)
    assert stats.tokens_per_s is None
    stats.spoke(50, 1.0)
    stats.spoke(150, 1.0)
    assert stats.tokens_per_s == pytest.approx(60.0)
