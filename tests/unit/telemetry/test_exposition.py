"""What a scraper gets."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from proxy.core.response import Usage
from proxy.telemetry.exposition import SnapshotCollector, render
from proxy.telemetry.families import DERIVED, FAMILIES
from proxy.telemetry.metrics import Metrics
from tests.unit.telemetry.test_metrics import attempt, ctx, done

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def busy() -> Metrics:
    m = Metrics()
    done(m, ctx(usage=Usage(input_tokens=10, output_tokens=20), cost_nanos=1_000_000), 0.3)
    done(m, ctx(model='odd "name"\n\\', status=502, error="upstream_error"), 3.0)
    m.attempt_done(attempt(role="retry"))
    m.cache.hit("l1", 0.00002)
    m.gauge("llm_edge_provider_available", lambda: [(("openai",), 1.0)])
    m.gauge("llm_edge_circuit_breaker_state", lambda: [(("openai", "closed"), 1.0)])
    return m


def parsed(text: str) -> list[Any]:
    return list(parse_text(text))


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in parsed(text) for s in family.samples}


def test_text_is_what_prometheus_parses() -> None:
    """Version 0.0.4, names and values."""
    media, body = render(busy().snapshot(), "")
    assert media == "text/plain; version=0.0.4; charset=utf-8"
    got = samples(body.decode())
    pm = (("model", "gpt-4o"), ("provider", "openai"))
    assert got[("llm_edge_requests_total", (*pm, ("route", "/v1/chat/completions"), ("status", "200")))] == 1
    assert got[("llm_edge_tokens_prompt_total", pm)] == 10
    assert got[("llm_edge_tokens_completion_total", pm)] == 20
    assert got[("llm_edge_tokens_used_total", pm)] == 30
    assert got[("llm_edge_cost_usd_total", pm)] == pytest.approx(0.001)
    assert got[("llm_edge_retries_total", pm)] == 1
    assert got[("llm_edge_provider_health", (("provider", "openai"),))] == 1


def test_openmetrics_where_asked_for() -> None:
    """Every family parses there too."""
    media, body = render(busy().snapshot(), OPENMETRICS)
    assert media.startswith("application/openmetrics-text")
    names = {family.name for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert "llm_edge_requests" in names


def test_every_family_is_announced() -> None:
    """Also those without a sample yet."""
    _, body = render(Metrics().snapshot(), "")
    for name in [f.name for f in FAMILIES] + [d.name for d in DERIVED]:
        assert f"# TYPE {name} " in body.decode()


@pytest.mark.parametrize("scale", ["seconds", "ms"])
def test_histograms_have_cumulative_buckets(scale: str) -> None:
    """A duration of 0.3 s is within 0.5 s and 500 ms, not within 0.25 s and 250 ms."""
    factor = 1 if scale == "seconds" else 1000
    got = samples(render(busy().snapshot(), "")[1].decode())
    pm = (("model", "gpt-4o"), ("provider", "openai"))

    def bucket(le: float) -> float:
        return got[(f"llm_edge_request_duration_{scale}_bucket", tuple(sorted([*pm, ("le", str(le * factor))])))]

    assert (bucket(0.25), bucket(0.5), bucket(600.0)) == (0, 1, 1)
    assert got[(f"llm_edge_request_duration_{scale}_bucket", tuple(sorted([*pm, ("le", "+Inf")])))] == 1
    assert got[(f"llm_edge_request_duration_{scale}_count", pm)] == 1
    assert got[(f"llm_edge_request_duration_{scale}_sum", pm)] == pytest.approx(0.3 * factor)


def test_odd_label_values_are_escaped() -> None:
    """Quotes, backslashes and line ends come back as they went in."""
    got = samples(render(busy().snapshot(), "")[1].decode())
    assert any(dict(labels).get("model") == 'odd "name"\n\\' for _, labels in got)


def test_an_embedding_application_may_register_it() -> None:
    """In a registry of its own."""
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(busy().snapshot()))
    assert registry.get_sample_value("llm_edge_cache_hits_total", {"tier": "l1"}) == 1
