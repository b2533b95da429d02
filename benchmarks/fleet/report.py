"""A run of the fleet bench as Markdown and as a plot."""

from benchmarks.fleet.plan import GATEWAYS
from benchmarks.fleet.results import FleetResults
from benchmarks.fleet.targets import judge
from benchmarks.report import table
from benchmarks.svg import Line, lines, short


def markdown(results: FleetResults) -> str:
    sections = [_head(results), "## Targets\n\n" + _targets(results), "## Phases\n\n" + _phases(results), "## Money\n\n" + _money(results)]
    sections.append("## Limit\n\n" + _limit(results))
    wrong = [f"- {what}: {count}" for what, count in results.books.wrong.items()]
    wrong += [f"  - {line}" for line in results.books.examples]
    wrong += [f"- {line}" for line in [*results.reports, *results.log_errors]]
    sections.append("## What does not agree\n\n" + ("\n".join(wrong) if wrong else "Nothing."))
    return "\n\n".join(sections) + "\n"


def _head(results: FleetResults) -> str:
    machine, plan = results.machine, results.plan
    before, after = (" ".join(f"{value:.2f}" for value in values) for values in (machine["load_average"], results.load_after))
    return "\n".join(
        [
            f"# Fleet bench of {results.started}",
            "",
            f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']} MB; {machine['os']}, Linux {machine['kernel']}",
            f"- Python {machine['python']}; load average before {before}, after {after}; {results.seconds:.0f} s in all",
            f"- {GATEWAYS} gateways, one Valkey, one Postgres, {plan['clients']} clients, {plan['limit']} requests a minute allowed and "
            f"{plan['overload']:g} times as many asked for; seed {plan['seed']}",
            "- usage differs from the estimates by -50 to +100 %",
        ]
    )


def _targets(results: FleetResults) -> str:
    rows = []
    for verdict in judge(results):
        target = verdict.target
        value = "-" if verdict.value is None else f"{verdict.value:,.6g} {target.unit}"
        rows.append([target.text, f"{'≥' if target.at_least else '≤'} {target.limit:g} {target.unit}", value, verdict.word])
    return table(["what", "promised", "this run", ""], rows)


def _phases(results: FleetResults) -> str:
    rows = []
    for phase in results.phases:
        counts = ", ".join(f"{count} x {status if status != '0' else 'no whole answer'}" for status, count in phase.statuses.items())
        rows.append([phase.name, f"{phase.begin:.0f} to {phase.end:.0f}", counts, f"{phase.p50_ms:.0f} / {phase.p99_ms:.0f}"])
    events = ", ".join(f"{name} at {at:.0f}" for name, at in results.events.items())
    head = ["phase", "seconds", "answers", "p50 / p99 ms of 200, of which the provider takes 200 to 1800"]
    return table(head, rows) + f"\n\nSeconds since the first request: {events}."


def _money(results: FleetResults) -> str:
    rows = [
        [
            one.key,
            str(one.requests),
            str(one.refused),
            *(f"{nanos / 1e9:.9f}" for nanos in (one.cap, one.recorded, one.billed, one.counter)),
        ]
        for one in results.spent
    ]
    books = results.books
    text = (
        f"{books.entries} records of {books.requests} requests; {books.in_flight} were at the gateway that was killed, {books.unknown} "
        f"of them are records with `unknown`, for which the provider billed {books.billed_unknown_nanos / 1e9:.9f} USD and "
        f"{books.reserved_nanos / 1e9:.9f} USD are reserved. All others: records {books.known_nanos / 1e9:.9f} USD, bill "
        f"{books.billed_known_nanos / 1e9:.9f} USD."
    )
    return table(["key", "requests", "402", "cap, USD", "records", "bill", "counter"], rows) + "\n\n" + text


def _limit(results: FleetResults) -> str:
    numbers = results.numbers
    texts = (
        ("overload_asked", "asked for during the overload"),
        ("overload_admitted", "let through of it"),
        ("fullest", "in the fullest minute that touches no outage of Redis, certainly"),
        ("fullest_seen", "in the fullest minute before the outage of Redis, by the provider's clock"),
        ("fullest_outage", "in the fullest minute that touches the outage of Redis, certainly"),
        ("to_provider_p99_ms", "ms from a request's begin at its gateway to its arrival at the provider, p99"),
        ("spooled_bytes", "bytes in the spools at the end of the outage of Postgres"),
    )
    return "\n".join(f"- {short(numbers[name])} {text}" for name, text in texts if name in numbers)


def plot(results: FleetResults) -> str:
    limit = float(results.plan["limit"])
    end = results.admitted[-1][0] if results.admitted else 1.0
    series = [Line("let through in the minute before", results.admitted), Line("limit", [(0.0, limit), (end, limit)])]
    series += [Line(f"{at:.0f} s: {name}", [(at, 0.0), (at, limit)]) for name, at in results.events.items()]
    return lines(f"Fleet bench of {results.started}", "seconds", "requests", series)
