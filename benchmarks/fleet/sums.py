"""After a run: what was let through, what was spent, and whether everybody says the same of it."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.fleet.bill import Charge
from benchmarks.fleet.books import Entry, Killed, by_key, compare
from benchmarks.fleet.clients import Asked
from benchmarks.fleet.gateways import Fleet, Key
from benchmarks.fleet.plan import GATEWAYS, RECONNECT_S, WINDOW_S, Plan
from benchmarks.fleet.results import FleetResults, Spent
from benchmarks.fleet.upstream import Provider
from benchmarks.fleet.windows import Admitted, certain, over_time, seen, starts_apart
from benchmarks.stats import quantile

LEAST_OVERLOAD_S = 300.0
"""Of a shorter one the share says little: its first minute begins with an empty window."""
_STEP_S = 2.0


def settle(
    results: FleetResults,
    plan: Plan,
    fleet: Fleet,
    keys: Sequence[Key],
    asked: Sequence[Asked],
    provider: Provider,
    killed: Sequence[Killed],
    begin: float,
) -> None:
    phases(results, asked, begin)
    told = [fleet.report(i) for i in range(GATEWAYS)]  # each has written what it knows of then
    told = [fleet.report(i) for i in range(GATEWAYS)]
    entries = fleet.records(0)
    own = {key.name: [fleet.own_usage(i, key) for i in range(GATEWAYS)] for key in keys}
    counters = {key.name: fleet.counter(key) for key in keys}
    results.numbers["spools_left"] = sum(len(fleet.spool_folders(i)) - 1 for i in range(GATEWAYS))
    fleet.stop()
    charges = provider.bill()
    results.books = compare(asked, entries, charges, killed)
    results.spent = [_spent(key, asked, entries, charges, counters[key.name]) for key in keys]
    results.reports = differing(keys, entries, told, own)
    results.log_errors = fleet.log_errors()
    limits(results, plan, [one for one in asked if one.key == "load"], entries, charges, begin)


def phases(results: FleetResults, asked: Sequence[Asked], begin: float) -> None:
    """Statuses and latencies by the phase in which a request began."""
    for phase in results.phases:
        inside = [one for one in asked if phase.begin <= one.sent - begin < phase.end]
        phase.statuses = dict(sorted(Counter(str(one.status if one.whole else 0) for one in inside).items()))
        taken = sorted(one.ended - one.sent for one in inside if one.whole and one.status == 200)
        if taken:
            phase.p50_ms, phase.p99_ms = (round(quantile(taken, q) * 1e3, 1) for q in (0.5, 0.99))


def limits(
    results: FleetResults, plan: Plan, asked: Sequence[Asked], entries: Sequence[Entry], charges: Sequence[Charge], begin: float
) -> None:
    """Of the load's key: the fullest minutes, and what was let through of the overload."""
    sent = {one.mark: one.sent for one in asked}
    began = {entry.mark: entry.at for entry in entries}
    admitted = [Admitted(max(began.get(c.mark, 0.0), sent[c.mark]), c.arrived) for c in charges if c.mark in sent]
    arrivals = [one.arrived for one in admitted]
    numbers = results.numbers
    numbers["admitted"] = len(admitted)
    numbers["to_provider_p99_ms"] = round(quantile(sorted(one.arrived - one.begun for one in admitted), 0.99) * 1e3, 1)
    lost, back = (begin + results.events.get(name, 0.0) for name in ("Redis killed", "Redis back, empty"))
    apart, touching = starts_apart(admitted, WINDOW_S, lost, back + RECONNECT_S)
    numbers["fullest"] = certain(admitted, WINDOW_S, apart).requests
    numbers["fullest_outage"] = certain(admitted, WINDOW_S, touching).requests
    numbers["fullest_seen"] = seen([at for at in arrivals if at < lost], WINDOW_S).requests
    numbers["fullest_share"] = numbers["fullest"] / plan.limit
    numbers["fullest_outage_share"] = numbers["fullest_outage"] / plan.limit
    overload = results.phase("overload")
    if overload is not None:
        span_s = overload.end - overload.begin
        let = sum(overload.begin <= at - begin < overload.end for at in arrivals)
        numbers["overload_admitted"] = let
        numbers["overload_asked"] = sum(overload.begin <= one.sent - begin < overload.end for one in asked)
        if span_s >= LEAST_OVERLOAD_S:
            numbers["overload_share"] = let / (plan.limit * span_s / 60)
    if arrivals:
        results.admitted = over_time(arrivals, WINDOW_S, _STEP_S, begin, max(arrivals))


def differing(
    keys: Sequence[Key],
    entries: Sequence[Entry],
    told: Sequence[dict[str, tuple[int, int]]],
    own: dict[str, list[tuple[int, int]]],
) -> list[str]:
    """Reports that say otherwise than the sums over all records, with both numbers."""
    sums = by_key(entries)
    found = []
    for i, report in enumerate(told):
        for key in keys:
            if report.get(key.id) != sums.get(key.id):
                found.append(f"/v1/admin/usage of gateway {i}, key {key.name}: {report.get(key.id)}, records: {sums.get(key.id)}")
    for key in keys:
        for i, pair in enumerate(own[key.name]):
            if pair != sums.get(key.id, (0, 0)):
                found.append(f"/v1/usage of gateway {i}, key {key.name}: {pair}, records: {sums.get(key.id)}")
    return found


def _spent(key: Key, asked: Sequence[Asked], entries: Sequence[Entry], charges: Sequence[Charge], counter: int) -> Spent:
    mine = {one.mark for one in asked if one.key == key.name}
    return Spent(
        key=key.name,
        cap=key.cap_nanos,
        recorded=sum(entry.cost_nanos or 0 for entry in entries if entry.key_id == key.id),
        billed=sum(charge.nanos for charge in charges if charge.mark in mine),
        counter=counter,
        requests=len(mine),
        refused=sum(one.status == 402 for one in asked if one.key == key.name),
    )
