"""A snapshot as Prometheus text 0.0.4 or OpenMetrics, as the scraper asks.

prometheus_client is imported at the first scrape: it costs 75 ms that the start does not have.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from proxy.telemetry.families import DERIVED, FAMILIES, Derived, Family
from proxy.telemetry.snapshot import Sample, Snapshot

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_Values = dict[tuple[str, ...], tuple[float, ...]]


class SnapshotCollector:
    """A prometheus_client collector over one snapshot; an embedding application may register one of its own."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> "Iterator[Metric]":
        samples: dict[str, list[Sample]] = {}
        for sample in self._snapshot:
            samples.setdefault(sample.family, []).append(sample)
        by_name = {f.name: f for f in FAMILIES}
        for family in FAMILIES:
            yield _metric(family, {s.labels: s.values for s in samples.get(family.name, ())})
        for row in DERIVED:
            source = by_name[row.source]
            family, values = _derive(row, source, samples.get(row.source, []))
            yield _metric(family, values)


def render(snapshot: Snapshot, accept: str) -> tuple[str, bytes]:
    """(content type, body) for an Accept header's value."""
    from prometheus_client.exposition import choose_encoder

    encoder, content_type = choose_encoder(accept)
    return content_type, encoder(SnapshotCollector(snapshot))


def _derive(row: Derived, source: Family, samples: list[Sample]) -> tuple[Family, _Values]:
    labels = source.labels if row.labels is None else row.labels
    keep = [source.labels.index(name) for name in labels]
    values: _Values = {}
    for sample in samples:
        if row.where is not None and sample.labels[source.labels.index(row.where[0])] != row.where[1]:
            continue
        key = tuple(sample.labels[i] for i in keep)
        scaled = _scale(source, sample.values, row.scale)
        have = values.get(key)
        values[key] = scaled if have is None else tuple(a + b for a, b in zip(have, scaled, strict=True))
    buckets = tuple(b * row.scale for b in source.buckets)
    return Family(row.name, source.kind, row.help, labels, buckets), values


def _scale(source: Family, values: tuple[float, ...], scale: float) -> tuple[float, ...]:
    """Of a histogram only the sum carries the unit; its counts stay."""
    return (*values[:-1], values[-1] * scale)


def _metric(family: Family, values: _Values) -> "Metric":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if family.kind == "histogram":
        metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        bounds = [*(_bound(b) for b in family.buckets), "+Inf"]
        for labels, numbers in sorted(values.items()):
            metric.add_metric(labels, list(zip(bounds, accumulate(numbers[:-1]), strict=True)), sum_value=numbers[-1])
        return metric
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    single = make(family.name, family.help, labels=family.labels)
    for labels, numbers in sorted(values.items()):
        single.add_metric(labels, numbers[0])
    return single


def _bound(seconds: float) -> str:
    """0.1 times 1000 must read 100.0, not 100.00000000000001."""
    return str(float(f"{seconds:.10g}"))
