"""What a run found, as plain data that is written as JSON and read by the reports."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.stats import Spread, spread


@dataclass
class SystemResult:
    version: str = ""
    governance: str = ""
    ready_s: list[float] = field(default_factory=list)
    idle_rss_mb: list[float] = field(default_factory=list)
    """Of each process, at rest after its start."""
    peak_rss_mb: float = 0.0
    """Sum over the tree, after everything."""
    measures: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    """Scenario → numbers of each pass."""
    notes: dict[str, str] = field(default_factory=dict)
    """Scenario → why there are no numbers."""

    def spread(self, key: str, name: str) -> Spread | None:
        values = [numbers[name] for numbers in self.measures.get(key, ()) if name in numbers]
        return spread(values) if values else None

    def median(self, key: str, name: str) -> float | None:
        found = self.spread(key, name)
        return None if found is None else found.median


@dataclass
class Results:
    started: str
    machine: dict[str, Any]
    pinning: str
    plan: dict[str, Any]
    streams_upstream: str = ""
    systems: dict[str, SystemResult] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """System → reason."""
    load_after: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def median(self, system: str, key: str, name: str) -> float | None:
        found = self.systems.get(system)
        return None if found is None else found.median(key, name)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1, allow_nan=True) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        fields = json.loads(path.read_text())
        systems = {name: SystemResult(**system) for name, system in fields.pop("systems").items()}
        return cls(**fields, systems=systems)
