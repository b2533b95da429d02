"""A soak's mix and its checks."""

import random
from collections import Counter

import pytest

from benchmarks.soak import Sample, Soak
from benchmarks.soak_kinds import KINDS, pick


def soaked(rss_mb: list[float], **more: object) -> Soak:
    samples = [Sample(i, float(i), value, 10, 1) for i, value in enumerate(rss_mb)]
    result = Soak("now", {}, requests=len(rss_mb) - 1, connections=1, files_before=10, samples=samples, files_after=10, active_after=0.0)
    for name, value in more.items():
        setattr(result, name, value)
    return result


def test_growth_leaves_out_the_beginning() -> None:
    """What is allocated in the first fifth is no growth; a slope afterwards is."""
    assert soaked([min(i, 20) for i in range(101)]).growth_mb() == 0
    assert soaked([float(i) for i in range(101)]).growth_mb() == pytest.approx(75, abs=1)


@pytest.mark.parametrize(
    ("more", "failed"),
    [({}, 0), ({"files_after": 15}, 1), ({"active_after": 3.0}, 1), ({"unexpected": {"x": 1}}, 1), ({"log_errors": 2}, 1)],
)
def test_checks(more: dict[str, object], failed: int) -> None:
    """Each of a leaked socket, a request still active, an unexpected answer and a logged failure fails the soak."""
    checks = soaked([50.0] * 101, **more).checks()
    assert sum(not held for _, held, _ in checks) == failed


def test_every_kind_is_asked() -> None:
    """The mix contains each kind, about as often as its weight says, and each makes a request."""
    rng = random.Random(5)
    counts = Counter(pick(rng).name for _ in range(5000))
    assert set(counts) == {kind.name for kind in KINDS}
    assert counts["plain"] > counts["no key"]
    assert all(kind.make(1, rng).body for kind in KINDS)
