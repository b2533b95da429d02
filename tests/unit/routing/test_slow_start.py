"""Slow start: a growing share after recovery."""

from random import Random

from proxy.routing.slow_start import eased
from proxy.routing.stats import TargetStats
from tests.support.routing import candidate

NOW = 10.0


def ramping(name: str, share: float) -> TargetStats:
    stats = TargetStats(name)
    stats.ramp_from, stats.ramp_s = NOW - 100 * share, 100.0
    return stats


def test_it_keeps_its_place_as_often_as_its_share_says() -> None:
    """And the reason says why not, when not."""
    slow, other = candidate("slow", stats=ramping("slow", 0.3)), candidate("other")
    rng = Random(1)
    results = [eased([slow, other], NOW, rng) for _ in range(5000)]
    kept = [order for order, _ in results if order[0] == slow]
    assert abs(len(kept) / 5000 - 0.3) < 0.02
    assert {text for order, text in results if order[0] == slow} == {""}
    assert {text for order, text in results if order[0] == other} == {"; slow/m has recovered lately and gets 30% of its share"}


def test_who_is_well_is_never_moved() -> None:
    """Not even where others recover."""
    well, slow = candidate("well"), candidate("slow", stats=ramping("slow", 0.0))
    assert eased([well, slow], NOW, Random(1)) == ((well, slow), "")


def test_where_all_recover_somebody_serves() -> None:
    """The first, if chance takes none."""
    one, two = candidate("one", stats=ramping("one", 0.0)), candidate("two", stats=ramping("two", 0.0))
    assert eased([one, two], NOW, Random(1)) == ((one, two), "")
