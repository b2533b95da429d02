"""A run of the fault bench as Markdown and as plots."""

from collections.abc import Callable

from benchmarks.faults.results import FaultResults, RowResult
from benchmarks.faults.targets import judge
from benchmarks.report import table
from benchmarks.svg import Bar, Line, Panel, bars, lines, short

_WORDS = """\
- *ok*: the client got its answer whole, in order, and from one call (the upstream's text says which call it is from). *truthful*: not ok,
  but an error status or an error in the stream said so; *untruthful*: a stream that just ends, text that is not the answer's or of two
  calls, `[DONE]` for half an answer, or no end within the client's patience.
- *added*: against the same load at one bare upstream of the same latency, where nothing fails: difference of the quantiles of what was ok.
- *wasted*: a call on the wire beyond the first of its request, whatever it was for (shadows apart); share of the requests.
- *duplicate*: an answer that an upstream wrote to its end, beyond the first of its request: both are billed. *in part*: an answer that had
  begun when the caller hung up.
- *late*: calls that began after the client had content of that request's answer (20 ms are allowed for what was under way).
- *most*: calls on the wire of one request, of what is configured (a hedge is one more)."""


def markdown(results: FaultResults) -> str:
    sections = [_head(results), "## Targets\n\n" + _targets(results), "## Words\n\n" + _WORDS]
    for key in results.scenarios:
        sections.append(_scenario(results, key))
    sections.append("## Not measured\n\n" + _missing(results))
    return "\n\n".join(sections) + "\n"


def _head(results: FaultResults) -> str:
    machine = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return "\n".join(
        [
            f"# Fault bench of {results.started}",
            "",
            f"- {results.version}{', ' + results.peer if results.peer else ''}; seed {results.seed}, {results.requests} requests a row",
            f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']} MB; {machine['os']}, Linux {machine['kernel']}",
            f"- Python {machine['python']}; {packages}",
            f"- {results.pinning}; the run took {results.seconds:.0f} s",
            f"- load average before {_triple(machine['load_average'])}, after {_triple(results.load_after)}",
            "- open loop, exponentially spaced arrivals; latencies count from when a request was due",
            "- each row has a fresh gateway and the same script, arrivals and faults (by seed, member and number of the call)",
        ]
    )


def _triple(values: list[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _targets(results: FaultResults) -> str:
    found = []
    for verdict in judge(results):
        target = verdict.target
        value = "-" if verdict.value is None else f"{_plain(verdict.value)} {target.unit}"
        sign = "≥" if target.at_least else "≤"
        found.append([target.text, f"{sign} {target.limit:g} {target.unit}", value, verdict.word])
    return table(["what", "promised", "this run", ""], found)


def _plain(value: float) -> str:
    """99.95 stays 99.95: three digits would round it to what is promised."""
    return f"{value:.2f}" if 1 <= abs(value) < 1000 else short(value)


def _scenario(results: FaultResults, key: str) -> str:
    facts = results.scenarios[key]
    rows = [row for row in results.rows if row.scenario == key and not row.note]
    text = [
        f"## {key}: {facts['title']}",
        "",
        f"{facts['requests']} requests at {facts['rate']:g}/s, {facts['stream_share']:.0%} streams.",
        "",
        *(f"- {member}" for member in facts["members"]),
        "",
        "",
    ]
    head = ["way", "ok", "truthful / untruthful", "p50 / p95 / p99 ms", "added ms", "first token added ms", "calls a request", "wasted"]
    return "\n".join(text) + table([*head, "duplicates / in part", "late", "most", "at the one that fails"], [_row(row) for row in rows])


def _row(row: RowResult) -> list[str]:
    numbers = row.numbers
    failed = numbers["requests"] * (1 - numbers["success"]) - numbers["untruthful"]
    name = f"**{row.variant}**" + (f" ({row.about})" if row.about else "")
    if row.load.get("rate") and row.system == "litellm":
        name += f" {row.load['requests']} requests at {row.load['rate']:g}/s"
    allowed = row.attempts + row.hedges
    return [
        name,
        f"{numbers['success']:.2%}",
        f"{failed:.0f} / {numbers['untruthful']:.0f}",
        _quantiles(row, ""),
        _quantiles(row, "added_"),
        _quantiles(row, "added_first_"),
        f"{numbers['per_request']:.3f}",
        f"{numbers['wasted_share']:.2%}",
        f"{numbers['duplicates']:.0f} / {numbers['billed_in_part']:.0f}",
        f"{numbers['after_first_byte']:.0f}",
        f"{numbers['most_calls']:.0f} of {allowed}",
        f"{numbers['at_faulty']:.0f}",
    ]


def _quantiles(row: RowResult, prefix: str) -> str:
    values = [row.number(f"{prefix}{name}_ms") for name in ("p50", "p95", "p99")]
    return " / ".join("-" if value is None else f"{value:.1f}" for value in values)


def _missing(results: FaultResults) -> str:
    reasons: dict[str, list[str]] = {}
    for row in results.rows:
        if row.note:
            reasons.setdefault(row.note, []).append(row.key)
    said = [
        f"What {row.key} said last:\n\n" + "\n".join(f"    {line}" for line in row.last_lines) for row in results.rows if row.last_lines
    ]
    listed = "\n".join(f"- {', '.join(keys)}: {note}" for note, keys in reasons.items())
    return "\n\n".join([listed, *said]) or "Everything was."


def plots(results: FaultResults) -> dict[str, str]:
    """File name without its ending → SVG."""

    def panels(unit: str, value: Callable[[RowResult], float | None]) -> list[Panel]:
        made = []
        for key, facts in results.scenarios.items():
            shown = []
            for row in results.rows:
                number = None if row.scenario != key or row.note else value(row)
                if number is not None:
                    label = f"llm-edge {row.variant}" if row.system == "llm-edge" else row.variant
                    shown.append(Bar(label, number, number, number))
            made.append(Panel(f"{key}: {facts['title']}", unit, shown))
        return made

    def failed(row: RowResult) -> float:
        return (1 - row.numbers["success"]) * 100

    def wasted(row: RowResult) -> float:
        return row.numbers["wasted_share"] * 100

    made = {
        "latency": bars(f"p99 of what was ok, {results.started}", panels("ms", lambda row: row.number("p99_ms"))),
        "failures": bars(f"Requests without their answer, {results.started}", panels("%", failed)),
        "wasted": bars(f"Calls beyond the first, {results.started}", panels("% of requests", wasted)),
    }
    series = [Line(row.variant, row.share_by_time) for row in results.rows if row.scenario == "recovery" and row.share_by_time]
    if series:
        made["recovery"] = lines("Calls at a target that recovers after a quarter", "seconds", "share", series)
    return made
