"""What a run of the fleet bench came to."""

from pathlib import Path
from typing import Any

import msgspec

from benchmarks.fleet.books import Comparison


class Phase(msgspec.Struct):
    """Times are seconds since the run's first request."""

    name: str
    begin: float
    end: float = 0.0
    statuses: dict[str, int] = {}
    """Of the requests that began in it; "0": no whole answer."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    """Of the answers that are no refusals; the provider takes 200 to 1800 ms of it."""


class Spent(msgspec.Struct):
    """One key's money, in nano-USD."""

    key: str
    cap: int
    recorded: int = 0
    billed: int = 0
    counter: int = 0
    """Of Redis, settled and reserved."""
    requests: int = 0
    refused: int = 0
    """402."""


class FleetResults(msgspec.Struct):
    started: str
    machine: dict[str, Any]
    plan: dict[str, Any]
    seconds: float = 0.0
    phases: list[Phase] = []
    events: dict[str, float] = {}
    """Seconds since the first request."""
    numbers: dict[str, float] = {}
    spent: list[Spent] = []
    books: Comparison = msgspec.field(default_factory=Comparison)
    reports: list[str] = []
    """What two tellings of the same sum differ in."""
    log_errors: list[str] = []
    admitted: list[tuple[float, float]] = []
    """(seconds, requests that the provider had from the load in the minute before)."""
    cpu_s: dict[str, float] = {}
    load_after: list[float] = []

    def write(self, path: Path) -> None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def money(self, key: str) -> Spent | None:
        return next((one for one in self.spent if one.key == key), None)

    def phase(self, name: str) -> Phase | None:
        return next((one for one in self.phases if one.name == name), None)
