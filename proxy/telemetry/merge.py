"""Many workers' snapshots made one.

Counters and histograms are summed. Gauges by their family's rule: `sum` for what adds up (requests in flight, memory), `max` for
"any worker says so" (a breaker is open, CPU of the busiest), `min` for the oldest time. A label value that all workers report
alike (the size of a shared cache tier) is taken by max.
"""

from collections.abc import Iterable

from proxy.telemetry.families import FAMILIES, Family
from proxy.telemetry.snapshot import Sample, Snapshot

_BY_NAME = {f.name: f for f in FAMILIES}


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Samples of unknown families (a worker of another release) are dropped; histograms of other bucket counts too."""
    merged: dict[tuple[str, tuple[str, ...]], tuple[float, ...]] = {}
    for snapshot in snapshots:
        for sample in snapshot:
            family = _BY_NAME.get(sample.family)
            if family is None or len(sample.values) != width(family):
                continue
            key = (sample.family, sample.labels)
            have = merged.get(key)
            merged[key] = sample.values if have is None else _join(family, sample.labels, have, sample.values)
    return tuple(Sample(name, labels, values) for (name, labels), values in merged.items())


def only_cumulative(snapshot: Snapshot) -> Snapshot:
    """What must outlive a worker that has ended, so that sums never fall: its counters and histograms."""
    return tuple(s for s in snapshot if (f := _BY_NAME.get(s.family)) is not None and f.kind != "gauge")


def width(family: Family) -> int:
    """How many numbers a sample of the family holds."""
    return len(family.buckets) + 2 if family.kind == "histogram" else 1


def _join(family: Family, labels: tuple[str, ...], a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    rule = "max" if labels and labels[0] in family.shared else family.merge
    if family.kind != "gauge" or rule == "sum":
        return tuple(x + y for x, y in zip(a, b, strict=True))
    return (max(a[0], b[0]),) if rule == "max" else (min(a[0], b[0]),)
