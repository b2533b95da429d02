"""One out of many."""

from proxy.telemetry.families import LAG_BUCKETS_S
from proxy.telemetry.merge import merge, only_cumulative
from proxy.telemetry.snapshot import Sample


def one(family: str, value: float, *labels: str) -> tuple[Sample, ...]:
    return (Sample(family, labels, (value,)),)


def merged(*values: tuple[Sample, ...]) -> dict[tuple[str, ...], tuple[float, ...]]:
    return {(s.family, *s.labels): s.values for s in merge(values)}


def test_counters_add_up() -> None:
    """By their labels."""
    hits = "llm_edge_cache_hits_total"
    assert merged(one(hits, 1, "l1"), one(hits, 2, "l1"), one(hits, 4, "l2")) == {(hits, "l1"): (3,), (hits, "l2"): (4,)}


def test_histograms_add_up_bucket_by_bucket() -> None:
    """And their sums."""
    lag = "llm_edge_event_loop_lag_seconds"
    a = (*range(len(LAG_BUCKETS_S) + 1), 0.5)
    assert merged((Sample(lag, (), a),), (Sample(lag, (), a),)) == {(lag,): tuple(2 * x for x in a)}


def test_gauges_by_their_rule() -> None:
    """Sum, max, min, and max for what all workers share."""
    size = "llm_edge_cache_size_entries"
    got = merged(
        (*one("llm_edge_active_requests", 2), *one("llm_edge_cpu_usage_percent", 10), *one("llm_edge_start_time_seconds", 5)),
        (*one("llm_edge_active_requests", 3), *one("llm_edge_cpu_usage_percent", 90), *one("llm_edge_start_time_seconds", 4)),
        (*one(size, 10, "l1"), *one(size, 10, "l2")),
        (*one(size, 10, "l1"), *one(size, 10, "l2")),
    )
    assert got[("llm_edge_active_requests",)] == (5.0,)
    assert got[("llm_edge_cpu_usage_percent",)] == (90.0,)
    assert got[("llm_edge_start_time_seconds",)] == (4.0,)
    assert (got[(size, "l1")], got[(size, "l2")]) == ((20.0,), (10.0,))


def test_what_is_not_understood_is_left_out() -> None:
    """A worker of another release during a rolling restart."""
    assert merged(one("llm_edge_of_the_future", 1), one("llm_edge_event_loop_lag_seconds", 1)) == {}


def test_only_cumulative_values_outlive_a_worker() -> None:
    """Its gauges end with it."""
    kept = only_cumulative((*one("llm_edge_active_requests", 2), *one("llm_edge_cache_hits_total", 2, "l1"), *one("unknown", 1)))
    assert [s.family for s in kept] == ["llm_edge_cache_hits_total"]
