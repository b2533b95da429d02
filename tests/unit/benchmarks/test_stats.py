"""Sums over samples and passes."""

import math

import pytest

from benchmarks.stats import histogram_quantile, quantile, spread, summary_us


def test_spread() -> None:
    """Median of odd and even numbers of passes, with the range."""
    assert spread([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert spread([4.0, 1.0]).median == 2.5
    assert spread([4.0, 1.0]).percent == pytest.approx(60)
    assert spread([0.0]).percent == 0


def test_no_passes() -> None:
    """There is no median of nothing."""
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_quantile_is_nearest_rank() -> None:
    """A quantile is one of the samples: the smallest that a share of all does not exceed."""
    ordered = list(range(1, 101))
    assert [quantile(ordered, q) for q in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert math.isnan(quantile([], 0.5))


def test_summary_is_in_microseconds() -> None:
    """Nanoseconds in, microseconds out."""
    got = summary_us([3000, 1000, 2000])
    assert got == {"p50_us": 2.0, "p95_us": 3.0, "p99_us": 3.0, "max_us": 3.0, "mean_us": 2.0}
    assert summary_us([]) == {}


def test_histogram_quantile() -> None:
    """The answer is the upper bound of the bucket that holds the quantile; NaN when nothing was counted."""
    buckets = {0.1: 98.0, 0.5: 99.0, math.inf: 100.0}
    assert histogram_quantile(buckets, 0.5) == 0.1
    assert histogram_quantile(buckets, 0.99) == 0.5
    assert histogram_quantile(buckets, 1.0) == math.inf
    assert math.isnan(histogram_quantile({0.1: 0.0, math.inf: 0.0}, 0.5))
    assert math.isnan(histogram_quantile({}, 0.5))
