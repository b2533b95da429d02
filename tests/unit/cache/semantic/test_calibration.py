"""Which threshold."""

import pytest

from proxy.cache.semantic.calibration import Pair, Scored, calibrate, interval, rates


def scored(name: str, same: bool, similarity: float, conflict: str | None = None) -> Scored:
    return Scored(Pair(name, name, same), similarity, conflict)


def test_rates_are_shares_of_their_own_kind() -> None:
    """With and without the guards; wrong hits are named."""
    pairs = [scored("a", True, 0.9), scored("b", True, 0.7), scored("c", False, 0.8), scored("d", False, 0.95, "number")]
    at = rates(pairs, 0.75)
    assert (at.hit_rate, at.wrong_hit_rate) == (0.5, 0.5)
    assert (at.unguarded_hit_rate, at.unguarded_wrong_hit_rate) == (0.5, 1.0)
    assert at.wrong == (Pair("c", "c", False),)


def test_a_threshold_is_fitted_on_one_half_and_reported_on_the_other() -> None:
    """The most hits within what is tolerated, at the highest threshold that has them; both halves have pairs of their own."""
    pairs = [scored(f"same{n}", True, 0.8) for n in range(40)] + [scored(f"other{n}", False, 0.7) for n in range(40)]
    result = calibrate(pairs, max_wrong=0.0)
    assert result.fitted.threshold == result.reported.threshold == 0.8
    assert (result.fitted.hit_rate, result.reported.hit_rate, result.reported.wrong_hit_rate) == (1.0, 1.0, 0.0)
    assert result.fitted_on + result.reported_on == 80
    assert min(result.fitted_on, result.reported_on) > 20


def test_nothing_tolerable_gives_the_highest_threshold() -> None:
    """Rather than a wrong one."""
    pairs = [scored(f"same{n}", True, 1.0) for n in range(20)] + [scored(f"other{n}", False, 1.0) for n in range(20)]
    assert calibrate(pairs, max_wrong=0.0).fitted.threshold == 1.0


def test_a_half_without_one_kind_says_so() -> None:
    """Nothing can be fitted on it."""
    with pytest.raises(ValueError, match="too few pairs"):
        calibrate([scored(f"same{n}", True, 0.9) for n in range(20)], max_wrong=0.01)


def test_an_interval_says_what_none_of_so_many_may_mean() -> None:
    """None of 127 may be 2.9 %; bounds stay shares."""
    low, high = interval(0, 127)
    assert low == 0.0
    assert high == pytest.approx(0.029, abs=0.001)
    assert interval(5, 5)[1] == 1.0
    assert interval(1, 100)[0] < 0.01 < interval(1, 100)[1]
