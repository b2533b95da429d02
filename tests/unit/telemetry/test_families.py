"""The table itself."""

import pytest

from proxy.telemetry.families import DERIVED, FAMILIES

REQUIRED = [
    "llm_edge_requests_total",
    "llm_edge_request_duration_seconds",
    "llm_edge_request_errors_total",
    "llm_edge_cache_hits_total",
    "llm_edge_cache_misses_total",
    "llm_edge_cache_latency_seconds",
    "llm_edge_provider_latency_seconds",
    "llm_edge_provider_errors_total",
    "llm_edge_cost_usd_total",
    "llm_edge_tokens_used_total",
    "llm_edge_tokens_prompt_total",
    "llm_edge_tokens_completion_total",
    "llm_edge_request_duration_ms",
    "llm_edge_tokens_total",
    "llm_edge_active_requests",
    "llm_edge_provider_available",
    "llm_edge_cache_writes_total",
    "llm_edge_cache_latency_ms",
    "llm_edge_cache_size_entries",
    "llm_edge_cache_memory_bytes",
    "llm_edge_provider_health",
    "llm_edge_circuit_breaker_state",
    "llm_edge_memory_bytes",
    "llm_edge_cpu_usage_percent",
    "llm_edge_active_connections",
]
"""The families that existing alerts, dashboards and documents name."""

LABELS = {
    "llm_edge_requests_total": {"provider", "model", "status"},
    "llm_edge_request_duration_ms": {"provider", "model"},
    "llm_edge_tokens_total": {"provider", "model", "type"},
    "llm_edge_cost_usd_total": {"provider", "model"},
    "llm_edge_provider_available": {"provider"},
    "llm_edge_circuit_breaker_state": {"provider", "state"},
    "llm_edge_cache_hits_total": {"tier"},
    "llm_edge_cache_writes_total": {"tier"},
}


@pytest.mark.parametrize("name", REQUIRED)
def test_every_promised_name_is_there(name: str) -> None:
    """As a family or derived from one."""
    assert name in {f.name for f in FAMILIES} | {d.name for d in DERIVED}


@pytest.mark.parametrize("name", LABELS)
def test_promised_labels_are_there(name: str) -> None:
    """At least these."""
    labels = {f.name: f.labels for f in FAMILIES}
    for row in DERIVED:
        labels[row.name] = labels[row.source] if row.labels is None else row.labels
    assert LABELS[name] <= set(labels[name])


def test_names_are_unique() -> None:
    """Over both tables."""
    names = [f.name for f in FAMILIES] + [d.name for d in DERIVED]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_form(family: object) -> None:
    """Counters end in _total and nothing else does; histograms, and only they, have buckets, in order."""
    from proxy.telemetry.families import Family

    assert isinstance(family, Family)
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert bool(family.buckets) == (family.kind == "histogram")
    assert list(family.buckets) == sorted(set(family.buckets))
    assert family.help.endswith(".")


@pytest.mark.parametrize("row", DERIVED, ids=lambda d: d.name)
def test_derived_rows_point_at_what_exists(row: object) -> None:
    """Source, label and condition."""
    from proxy.telemetry.families import Derived

    assert isinstance(row, Derived)
    source = {f.name: f for f in FAMILIES}[row.source]
    assert row.name.endswith("_total") == (source.kind == "counter")
    assert set(row.labels or ()) <= set(source.labels)
    assert row.where is None or row.where[0] in source.labels
