"""Gauges of what a running gateway holds: cache tiers and providers, read at scrape time."""

from collections.abc import Callable, Iterator
from typing import Protocol

from proxy.telemetry.metrics import GaugeValues, Metrics


class CacheFacts(Protocol):
    """What `cache.tiered.CacheStatus` tells."""

    @property
    def l1_enabled(self) -> bool: ...
    @property
    def l1_entries(self) -> int: ...
    @property
    def l1_bytes(self) -> int: ...
    @property
    def l2_configured(self) -> bool: ...
    @property
    def l2_healthy(self) -> bool: ...


class StoreSize:
    """What was last heard of L2's size; None: not known now."""

    __slots__ = ("bytes", "entries")

    def __init__(self) -> None:
        self.entries: int | None = None
        self.bytes: int | None = None

    def forget(self) -> None:
        self.entries = self.bytes = None


class HealthFacts(Protocol):
    """What `pipeline.health_report.HealthGauges` tells, as labels and a number."""

    def providers(self) -> GaugeValues: ...
    def breakers(self) -> GaugeValues: ...
    def in_flight(self) -> GaugeValues: ...
    def keys_in_flight(self) -> GaugeValues: ...
    def resting(self) -> GaugeValues: ...
    def quota_left(self) -> GaugeValues: ...


def watch_gateway(
    metrics: Metrics,
    *,
    cache: Callable[[], CacheFacts | None],
    l2_size: StoreSize,
    health: HealthFacts,
) -> None:
    """`cache`: None while no gateway runs."""
    metrics.gauge("llm_edge_cache_available", lambda: _available(cache()))
    metrics.gauge("llm_edge_cache_size_entries", lambda: _sizes(cache(), lambda facts: facts.l1_entries, l2_size.entries))
    metrics.gauge("llm_edge_cache_memory_bytes", lambda: _sizes(cache(), lambda facts: facts.l1_bytes, l2_size.bytes))
    metrics.gauge("llm_edge_provider_available", health.providers)
    metrics.gauge("llm_edge_circuit_breaker_state", health.breakers)
    metrics.gauge("llm_edge_target_in_flight", health.in_flight)
    metrics.gauge("llm_edge_key_in_flight", health.keys_in_flight)
    metrics.gauge("llm_edge_target_resting", health.resting)
    metrics.gauge("llm_edge_target_quota_left_ratio", health.quota_left)
    for result in ("success", "failure"):
        metrics.inc("llm_edge_config_reloads_total", result, by=0.0)  # alerts on an increase need the zero before it


def _available(facts: CacheFacts | None) -> Iterator[tuple[tuple[str, ...], float]]:
    if facts is not None and facts.l1_enabled:
        yield ("l1",), 1.0
    if facts is not None and facts.l2_configured:
        yield ("l2",), float(facts.l2_healthy)


def _sizes(facts: CacheFacts | None, of_l1: Callable[[CacheFacts], int], of_l2: int | None) -> GaugeValues:
    if facts is not None and facts.l1_enabled:
        yield ("l1",), float(of_l1(facts))
    if of_l2 is not None:
        yield ("l2",), float(of_l2)
