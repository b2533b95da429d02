"""Does the ledger agree with what clients asked and what the provider billed? By mark: a request's trace id.

asked    what came of it at the client
entry    what the ledger has of it
charge   what the provider billed
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from benchmarks.fleet.bill import Charge
from benchmarks.fleet.clients import Asked

UNDER_WAY_S = 0.25
"""A gateway that is killed so shortly after an answer's last byte may not have written its record; then its intent stands."""
EXAMPLES = 5


class Entry(msgspec.Struct):
    """Of a usage record what is compared."""

    id: str
    mark: str
    at: float
    key_id: str
    status: str
    http_status: int
    cost_nanos: int | None


class Killed(msgspec.Struct):
    gateway: int
    at: float
    """Unix seconds, before the signal."""
    gone: float
    """And when the process was no more."""


class Comparison(msgspec.Struct):
    """Money is nano-USD."""

    requests: int = 0
    in_flight: int = 0
    """Requests of the killed gateway that had no answer when it died."""
    entries: int = 0
    unknown: int = 0
    recorded_nanos: int = 0
    """Of all entries."""
    known_nanos: int = 0
    """Of those that are not unknown."""
    reserved_nanos: int = 0
    """Of the unknown ones."""
    billed_nanos: int = 0
    billed_known_nanos: int = 0
    """For requests whose entry is not unknown."""
    billed_unknown_nanos: int = 0
    wrong: dict[str, int] = {}
    """What does not agree → how often."""
    examples: list[str] = []

    def note(self, what: str, mark: str, detail: str = "") -> None:
        self.wrong[what] = self.wrong.get(what, 0) + 1
        if self.wrong[what] <= EXAMPLES:
            self.examples.append(f"{what}: {mark} {detail}".strip())


def entry_of(record: dict[str, Any]) -> Entry:
    """Of a usage record as the admin API or the record store has it; defaults are left out there."""
    at = record["at"]
    return Entry(
        id=record["id"],
        mark=record.get("trace_id", ""),
        at=at if isinstance(at, float | int) else datetime.fromisoformat(at).timestamp(),
        key_id=record.get("key_id", ""),
        status=record.get("status", "ok"),
        http_status=record.get("http_status", 200),
        cost_nanos=record.get("cost_nanos", 0),
    )


def compare(asked: Sequence[Asked], entries: Sequence[Entry], charges: Sequence[Charge], killed: Sequence[Killed]) -> Comparison:
    found = Comparison(requests=len(asked), entries=len(entries))
    of_client = {one.mark: one for one in asked}
    billed: dict[str, list[Charge]] = {}
    for charge in charges:
        billed.setdefault(charge.mark, []).append(charge)
        found.billed_nanos += charge.nanos
    seen: Counter[str] = Counter()
    for entry in entries:
        seen[entry.mark] += 1
        _check(found, entry, of_client.get(entry.mark), sum(charge.nanos for charge in billed.get(entry.mark, ())), killed)
    for one in asked:
        times, interrupted = seen[one.mark], not one.whole and _died_under(one, killed)
        found.in_flight += interrupted
        if times > 1:
            found.note("more than one record of a request", one.mark, str(times))
        elif not times and not interrupted:
            found.note("no record of a request", one.mark, f"{one.status} {one.detail}")
        elif not times and one.mark in billed:
            found.note("billed, and no record", one.mark)
        if not one.whole and not interrupted:
            found.note("no whole answer", one.mark, f"{one.status} {one.detail}")
        if len(billed.get(one.mark, ())) > 1:
            found.note("billed more than once", one.mark, str(len(billed[one.mark])))
    for mark in billed:
        if mark not in of_client:
            found.note("billed, and nobody asked", mark)
    return found


def _check(found: Comparison, entry: Entry, one: Asked | None, nanos: int, killed: Sequence[Killed]) -> None:
    cost = entry.cost_nanos
    if cost is None:
        found.note("a record without a cost", entry.mark)
        cost = 0
    found.recorded_nanos += cost
    if one is None:
        found.note("a record of nobody's request", entry.mark)
    elif entry.status == "unknown":
        found.unknown += 1
        found.reserved_nanos += cost
        found.billed_unknown_nanos += nanos
        if nanos > cost:
            found.note("billed more than the unknown record reserves", entry.mark, f"{nanos} > {cost}")
        if not _died_under(one, killed):
            found.note("unknown, and its gateway was not killed under it", entry.mark)
    else:
        found.known_nanos += cost
        found.billed_known_nanos += nanos
        if cost != nanos:
            found.note("recorded other than billed", entry.mark, f"{cost} != {nanos} {entry.status} {entry.http_status}")
        if one.whole and one.status != entry.http_status:
            found.note("recorded with another status", entry.mark, f"{entry.http_status} != {one.status}")


def _died_under(one: Asked, killed: Iterable[Killed]) -> bool:
    """Its gateway was killed while it was under way, or so shortly after that nothing can be told."""
    return any(kill.gateway == one.gateway and one.sent <= kill.gone and kill.at <= one.ended + UNDER_WAY_S for kill in killed)


def by_key(entries: Iterable[Entry]) -> dict[str, tuple[int, int]]:
    """Key id → (records, nano-USD)."""
    sums: dict[str, tuple[int, int]] = {}
    for entry in entries:
        count, nanos = sums.get(entry.key_id, (0, 0))
        sums[entry.key_id] = (count + 1, nanos + (entry.cost_nanos or 0))
    return sums
