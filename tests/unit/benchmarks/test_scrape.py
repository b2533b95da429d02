"""Reading metrics."""

import math

from benchmarks.scrape import buckets, buckets_since, gauge

TEXT = """# HELP x_seconds time
x_seconds_bucket{le="0.1",tier="l1"} 3.0
x_seconds_bucket{le="+Inf",tier="l1"} 4.0
x_seconds_bucket{le="0.1",tier="l2"} 1.0
x_seconds_bucket{le="+Inf",tier="l2"} 1.0
x_seconds_count{tier="l1"} 4.0
active 2.0
by_route{route="a b"} 1
by_route{route="c"} 2
"""


def test_buckets() -> None:
    """Series with the labels are summed bound by bound."""
    assert buckets(TEXT, "x_seconds", {"tier": "l1"}) == {0.1: 3.0, math.inf: 4.0}
    assert buckets(TEXT, "x_seconds", {}) == {0.1: 4.0, math.inf: 5.0}


def test_since() -> None:
    """Only what was counted between two scrapes counts."""
    later = TEXT.replace('{le="+Inf",tier="l1"} 4.0', '{le="+Inf",tier="l1"} 9.0')
    assert buckets_since(TEXT, later, "x_seconds", {"tier": "l1"}) == {0.1: 0.0, math.inf: 5.0}


def test_gauge() -> None:
    """A gauge is the sum of its series; None without any."""
    assert gauge(TEXT, "active") == 2.0
    assert gauge(TEXT, "by_route") == 3.0
    assert gauge(TEXT, "nothing") is None
