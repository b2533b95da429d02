"""Reading the gateway's own metrics."""

import re

from benchmarks.processes import get

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def scrape(port: int) -> str:
    return get(port, "/metrics")


def buckets(text: str, family: str, labels: dict[str, str]) -> dict[float, float]:
    """Upper bound → cumulative count, summed over all series of the family that have `labels`."""
    found: dict[float, float] = {}
    for name, raw, value in _SAMPLE.findall(text):
        if name != f"{family}_bucket":
            continue
        has = dict(_LABEL.findall(raw))
        if all(has.get(key) == wanted for key, wanted in labels.items()):
            bound = float(has["le"])
            found[bound] = found.get(bound, 0.0) + float(value)
    return found


def buckets_since(before: str, after: str, family: str, labels: dict[str, str]) -> dict[float, float]:
    """What was counted between two scrapes."""
    earlier = buckets(before, family, labels)
    return {bound: count - earlier.get(bound, 0.0) for bound, count in buckets(after, family, labels).items()}


def gauge(text: str, name: str) -> float | None:
    """Sum over the series of `name`; None when there is none."""
    values = [float(value) for found, _, value in _SAMPLE.findall(text) if found == name]
    return sum(values) if values else None
