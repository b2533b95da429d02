"""What a run of the fault bench found, as plain data that is written as JSON and read by report and targets."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults.client import Asked
from benchmarks.faults.reading import TRUTHFUL
from benchmarks.faults.wire import WireCall, tally
from benchmarks.stats import quantile

Numbers = dict[str, float]
_QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass
class RowResult:
    """`note`: why there are no numbers."""

    scenario: str
    system: str
    variant: str
    about: str = ""
    note: str = ""
    load: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    """What was configured of models and routing."""
    attempts: int = 1
    hedges: bool = False
    numbers: Numbers = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    details: dict[str, int] = field(default_factory=dict)
    """What clients were told, most often first."""
    last_lines: list[str] = field(default_factory=list)
    """Of the output of a system that ended during the row."""
    share_by_time: list[tuple[float, float]] = field(default_factory=list)
    """(seconds, share of the calls that went to the member that fails), in twentieths of the load."""

    @property
    def key(self) -> str:
        return f"{self.scenario}/{self.variant}"

    def number(self, name: str) -> float | None:
        return self.numbers.get(name)


@dataclass
class FaultResults:
    started: str
    machine: dict[str, Any]
    pinning: str
    seed: int
    requests: int
    version: str = ""
    peer: str = ""
    scenarios: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key → title, members as they were scripted."""
    rows: list[RowResult] = field(default_factory=list)
    load_after: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def row(self, key: str) -> RowResult | None:
        """One that was measured."""
        return next((row for row in self.rows if row.key == key and not row.note), None)

    def number(self, key: str, name: str) -> float | None:
        found = self.row(key)
        return None if found is None else found.number(name)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "FaultResults":
        fields = json.loads(path.read_text())
        rows = [RowResult(**row) for row in fields.pop("rows")]
        return cls(**fields, rows=rows)


def numbers_of(
    asked: Sequence[Asked],
    calls: Sequence[WireCall],
    *,
    attempts: int,
    shadows: frozenset[str] = frozenset(),
    faulty: frozenset[str] = frozenset(),
    reference: Mapping[str, float] | None = None,
) -> Numbers:
    """Of one row. `attempts`: the most calls that a request may have; `faulty`: members whose calls are counted apart; `reference`:
    numbers of the bare, healthy upstream. Milliseconds; shares are of the requests."""
    count = max(len(asked), 1)
    wire = tally(calls, {one.request: one.first_ns for one in asked}, attempts=attempts, shadows=shadows)
    good = [one for one in asked if one.verdict in ("ok", "continued")]
    numbers: Numbers = {
        "requests": len(asked),
        "success": len(good) / count,
        "untruthful": sum(one.verdict not in TRUTHFUL for one in asked),
        "continued": sum(one.verdict == "continued" for one in asked),
        **_latencies("", [one.ended_ns - one.due_ns for one in good]),
        **_latencies("refused_", [one.ended_ns - one.due_ns for one in asked if one.verdict == "refused"]),
        **_latencies("first_", [one.first_ns - one.due_ns for one in good if one.stream]),
        "calls": wire.calls,
        "per_request": wire.calls / count,
        "wasted": wire.wasted,
        "wasted_share": wire.wasted / count,
        "told_wasted_share": sum(max(one.tries - 1, 0) for one in asked) / count,
        "duplicates": wire.duplicates,
        "duplicate_share": wire.duplicates / count,
        "billed_in_part": wire.billed_in_part,
        "after_first_byte": wire.after_first_byte,
        "most_calls": wire.most,
        "off": wire.off,
        "over": wire.over,
        "probes": wire.unmarked,
        "shadow_calls": wire.shadow,
        "throttled": wire.throttled,
        "faults": wire.faulty,
        "at_faulty": sum(call.member in faulty for call in calls),
    }
    if reference is not None:
        for prefix in ("", "first_"):
            for name in _QUANTILES:
                key = prefix + name
                if key in numbers and key in reference:
                    numbers[f"added_{key}"] = numbers[key] - reference[key]
    return numbers


def _latencies(prefix: str, taken_ns: Iterable[int]) -> Numbers:
    ordered = sorted(taken_ns)
    return {prefix + name: quantile(ordered, q) / 1e6 for name, q in _QUANTILES.items()} if ordered else {}


def share_by_time(calls: Sequence[WireCall], faulty: frozenset[str], span_s: float, steps: int = 20) -> list[tuple[float, float]]:
    if not calls:
        return []
    begin, width = calls[0].began_ns, max(span_s, 1e-3) / steps
    total: Counter[int] = Counter()
    there: Counter[int] = Counter()
    for call in calls:
        step = min(int((call.began_ns - begin) / 1e9 / width), steps - 1)
        total[step] += 1
        there[step] += call.member in faulty
    return [(round((step + 0.5) * width, 3), there[step] / total[step]) for step in sorted(total)]
