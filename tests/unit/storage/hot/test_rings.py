"""Counters of one process."""

import pytest

from proxy.storage.hot.rings import BUCKETS, Ring


@pytest.mark.parametrize("span_s", [1, 10, 60])
@pytest.mark.parametrize("began", [0.0, 1000.0, 12345.678, 999_999.9999])
def test_the_first_bucket_after_a_pause_ends_just_below_a_whole_second(span_s: int, began: float) -> None:
    """A limit that is used up within a moment is free again when `Retry-After` says in whole seconds, and not half a second before."""
    ring = Ring("k", span_s, {})
    ring.add(began, 1)
    later = began + 0.01
    ring.add(later, 0)
    wait_s = ring.wait_s(later, 1, 1)
    assert wait_s + 0.01 >= span_s
    assert -wait_s % 1 < 0.5
    ring.add(later + wait_s - 0.01, 0)
    assert ring.total == 1
    ring.add(later + wait_s, 0)
    assert ring.total == 0


def test_what_comes_after_a_pause_is_not_mixed_with_what_was_before() -> None:
    """A settlement that comes late finds nothing to give back to."""
    ring = Ring("k", 60, {})
    ring.add(100.0, 5)
    ring.add(161.5, 3)
    ring.give_back(100.0, 5)
    assert ring.total == 3
    assert min(ring.buckets) == 0


def test_it_is_kept_while_it_counts() -> None:
    """Whoever uses it keeps it; so does its home, from the first request after a pause on."""
    home: dict[object, Ring] = {}
    ring = Ring("k", 60, home)  # type: ignore[arg-type]
    assert not home
    ring.add(5.0, 1)
    assert home == {"k": ring}
    assert not ring.idle(60.0)
    assert ring.idle(5.0 + 61.1)
    assert len(ring.buckets) == BUCKETS
