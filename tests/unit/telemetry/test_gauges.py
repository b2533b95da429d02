"""Gauges of a running gateway."""

import pytest

from proxy.cache.tiered import CacheStatus
from proxy.telemetry.gauges import StoreSize, watch_gateway
from proxy.telemetry.metrics import GaugeValues, Metrics


def status(*, l1: bool = True, l2: bool = True, l2_healthy: bool = True) -> CacheStatus:
    return CacheStatus(l1_enabled=l1, l1_entries=3, l1_bytes=400, l1_evictions=0, l2_configured=l2, l2_healthy=l2_healthy)


class Facts:
    """One provider that may be used, one that may not, and one target."""

    def providers(self) -> GaugeValues:
        return [(("a",), 1.0), (("b",), 0.0)]

    def breakers(self) -> GaugeValues:
        return [(("a", "open"), 1.0)]

    def in_flight(self) -> GaugeValues:
        return [(("a", "m"), 3.0)]

    def keys_in_flight(self) -> GaugeValues:
        return [(("a", "0"), 2.0)]

    def resting(self) -> GaugeValues:
        return [(("a", "m", "quota"), 1.0)]

    def quota_left(self) -> GaugeValues:
        return [(("a", "m"), 0.01)]


def values(cache: CacheStatus | None, size: StoreSize | None = None) -> dict[tuple[str, ...], float]:
    """Of the watched gauges, by short name and labels."""
    metrics = Metrics()
    watch_gateway(metrics, cache=lambda: cache, l2_size=size or StoreSize(), health=Facts())
    short = {"cache_available", "cache_size_entries", "cache_memory_bytes"}
    return {(s.family[9:], *s.labels): s.values[0] for s in metrics.snapshot() if s.family[9:] in short}


def test_tiers() -> None:
    """What is held and whether it can be used; L2's size where it is known."""
    size = StoreSize()
    size.entries, size.bytes = 7, 9000
    assert values(status(l2_healthy=False), size) == {
        ("cache_available", "l1"): 1.0,
        ("cache_available", "l2"): 0.0,
        ("cache_size_entries", "l1"): 3.0,
        ("cache_size_entries", "l2"): 7.0,
        ("cache_memory_bytes", "l1"): 400.0,
        ("cache_memory_bytes", "l2"): 9000.0,
    }


@pytest.mark.parametrize("cache", [None, status(l1=False, l2=False)])
def test_what_is_not_there_has_no_series(cache: CacheStatus | None) -> None:
    """No gateway yet, or no such tier, or a size that is not known any more."""
    size = StoreSize()
    size.entries = size.bytes = 1
    size.forget()
    assert values(cache, size) == {}


def test_providers_breakers_and_targets() -> None:
    """As they are told, when they are read."""
    metrics = Metrics()
    watch_gateway(metrics, cache=lambda: None, l2_size=StoreSize(), health=Facts())
    found = {(s.family[9:], *s.labels): s.values[0] for s in metrics.snapshot()}
    assert (found["provider_available", "a"], found["provider_available", "b"]) == (1.0, 0.0)
    assert found["circuit_breaker_state", "a", "open"] == 1.0
    assert found["target_in_flight", "a", "m"] == 3.0
    assert found["key_in_flight", "a", "0"] == 2.0
    assert found["target_resting", "a", "m", "quota"] == 1.0
    assert found["target_quota_left_ratio", "a", "m"] == 0.01


def test_reloads_begin_at_zero() -> None:
    """An increase can only be seen from a value that was there."""
    metrics = Metrics()
    watch_gateway(metrics, cache=lambda: None, l2_size=StoreSize(), health=Facts())
    assert {s.labels: s.values for s in metrics.snapshot() if s.family == "llm_edge_config_reloads_total"} == {
        ("success",): (0.0,),
        ("failure",): (0.0,),
    }
