"""Counters of one process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.storage.hot.rings import BUCKETS, EDGE_S, PARTS, Ring, offset_s


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


class PlainRing:
    """What was taken, bucket by bucket, and nothing remembered of it."""

    def __init__(self, span_s: float) -> None:
        self.rate, self.phase, self.index = PARTS / span_s, 0.0, -BUCKETS
        self.taken: dict[int, float] = {}

    def bucket(self, at: float) -> int:
        return int(at * self.rate + self.phase)

    def now(self, now: float) -> None:
        index = self.bucket(now)
        if index - self.index >= BUCKETS:
            index += 2
            self.phase = index + offset_s(1 / self.rate) * self.rate - now * self.rate
            self.taken = {}
        self.index = index
        self.taken = {bucket: amount for bucket, amount in self.taken.items() if index - bucket < BUCKETS}

    def add(self, now: float, amount: float) -> None:
        self.now(now)
        self.taken[self.index] = self.taken.get(self.index, 0) + amount

    def give_back(self, at: float, amount: float) -> None:
        if self.bucket(at) in self.taken:
            self.taken[self.bucket(at)] -= amount

    @property
    def total(self) -> float:
        return sum(self.taken.values())

    def reset_s(self, now: float) -> float:
        full = [bucket for bucket, amount in self.taken.items() if amount]
        return max(0.0, (min(full) + BUCKETS - self.phase) / self.rate - now) if full else 0.0

    def wait_s(self, now: float, amount: float, limit: float) -> float:
        over = self.total + amount - limit
        if over <= 0:
            return 0.0
        for bucket in sorted(self.taken):
            over -= self.taken[bucket]
            if over <= 0:
                return (bucket + BUCKETS - self.phase) / self.rate - now + EDGE_S
        return (self.index + BUCKETS - self.phase) / self.rate - now + EDGE_S


pauses = st.sampled_from([0.0, 0.0, 0.3, 0.3, 1.0, 1.0, 5.0, 5.0, 25.0, 40.0, 58.0, 61.0])
"""Buckets."""
steps = st.lists(st.tuples(pauses, st.integers(0, 50), st.integers(0, 60)), max_size=60)


@given(steps, st.sampled_from([1, 10, 60]), st.sampled_from([0.0, 1000.3, 2_345_678.901]))
def test_it_counts_as_one_that_remembers_nothing_does(steps: list[tuple[float, int, int]], span_s: int, began: float) -> None:
    """Whatever is taken and given back, in whatever bucket, and however long the pauses."""
    ring, plain, now = Ring("k", span_s, {}), PlainRing(span_s), began
    taken: list[tuple[float, int]] = []
    for pause, amount, back in steps:
        now += pause * span_s / PARTS
        ring.add(now, amount)
        plain.add(now, amount)
        taken.append((now, amount))
        if back % 2:
            at, most = taken.pop(back % len(taken))
            ring.give_back(at, min(back, most))
            plain.give_back(at, min(back, most))
        assert ring.total == plain.total
        assert ring.reset_s(now) == plain.reset_s(now)
        assert ring.wait_s(now, 5, 60) == plain.wait_s(now, 5, 60)


@given(st.floats(0, 1e8), st.floats(0, 1), st.sampled_from([1, 10, 60, 3600]))
def test_times_that_it_takes_for_its_newest_bucket_are_in_it(began: float, share: float, span_s: int) -> None:
    """However they are rounded."""
    ring = Ring("k", span_s, {})
    ring.add(began, 1)
    for _ in range(3):
        at = ring.since + (ring.until - ring.since) * share
        if ring.since <= at < ring.until:
            assert int(at * ring.rate + ring.phase) == ring.index
        ring.add(ring.until + 2 * EDGE_S, 1)
