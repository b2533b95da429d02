"""The meter of a cache that nobody counts."""

from proxy.cache.meter import NullMeter


def test_the_null_meter_takes_everything() -> None:
    """And answers nothing."""
    meter = NullMeter()
    assert [meter.hit("l1", 0.1), meter.miss("l2"), meter.write("l1"), meter.error("l2")] == [None] * 4  # type: ignore[func-returns-value]
