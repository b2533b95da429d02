"""Gauges of a running gateway."""

import pytest

from proxy.cache.tiered import CacheStatus
from proxy.telemetry.gauges import StoreSize, watch_gateway
from proxy.telemetry.metrics import Metrics


def status(*, l1: bool = True, l2: bool = True, l2_healthy: bool = True) -> CacheStatus:
    return CacheStatus(l1_enabled=l1, l1_entries=3, l1_bytes=400, l1_evictions=0, l2_configured=l2, l2_healthy=l2_healthy)


def values(cache: CacheStatus | None, providers: dict[str, bool], size: StoreSize | None = None) -> dict[tuple[str, ...], float]:
    """Of the watched gauges, by short name and labels."""
    metrics = Metrics()
    watch_gateway(metrics, cache=lambda: cache, l2_size=size or StoreSize(), providers=lambda: providers)
    short = {"cache_available", "cache_size_entries", "cache_memory_bytes", "provider_available", "circuit_breaker_state"}
    return {(s.family[9:], *s.labels): s.values[0] for s in metrics.snapshot() if s.family[9:] in short}


def test_tiers() -> None:
    """What is held and whether it can be used; L2's size where it is known."""
    size = StoreSize()
    size.entries, size.bytes = 7, 9000
    assert values(status(l2_healthy=False), {}, size) == {
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
    assert values(cache, {}, size) == {}


def test_providers() -> None:
    """One that may not be used counts as an open breaker."""
    assert values(None, {"a": True, "b": False}) == {
        ("provider_available", "a"): 1.0,
        ("provider_available", "b"): 0.0,
        ("circuit_breaker_state", "a", "closed"): 1.0,
        ("circuit_breaker_state", "a", "open"): 0.0,
        ("circuit_breaker_state", "a", "half_open"): 0.0,
        ("circuit_breaker_state", "b", "closed"): 0.0,
        ("circuit_breaker_state", "b", "open"): 1.0,
        ("circuit_breaker_state", "b", "half_open"): 0.0,
    }


def test_reloads_begin_at_zero() -> None:
    """An increase can only be seen from a value that was there."""
    metrics = Metrics()
    watch_gateway(metrics, cache=lambda: None, l2_size=StoreSize(), providers=dict)
    assert {s.labels: s.values for s in metrics.snapshot() if s.family == "llm_edge_config_reloads_total"} == {
        ("success",): (0.0,),
        ("failure",): (0.0,),
    }
