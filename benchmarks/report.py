"""A run as Markdown and as a plot."""

from collections.abc import Iterable, Sequence

from benchmarks.results import Results, SystemResult
from benchmarks.stats import Spread
from benchmarks.svg import Bar, Panel, bars, short
from benchmarks.targets import judge

_PASS = "closed/small/32"


def markdown(results: Results) -> str:
    sections = [
        _head(results),
        "## Targets\n\n" + _targets(results),
        "## Pass-through, small prompt\n\n" + _pass_through(results),
        "## Prompt sizes, 32 connections\n\n" + _sizes(results),
        "## Added latency in open loop, against the bare upstream in the same run\n\n" + _open(results),
        "## Streams\n\n" + _streams(results),
        "## Cache, look-up, event loop\n\n" + _cache(results),
        "## Start and memory\n\n" + _memory(results),
        "## Not measured\n\n" + _missing(results),
    ]
    return "\n\n".join(sections) + "\n"


def _head(results: Results) -> str:
    machine, plan = results.machine, results.plan
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return "\n".join(
        [
            f"# Benchmark of {results.started}",
            "",
            f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']} MB; {machine['os']}, Linux {machine['kernel']}",
            f"- Python {machine['python']}; {packages}",
            f"- {results.pinning}; streams come from an upstream in {results.streams_upstream}",
            f"- load average before {_triple(machine['load_average'])}, after {_triple(results.load_after)}",
            f"- the whole run took {results.seconds:.0f} s",
            f"- {plan['passes']} passes, systems taking turns, {plan['seconds']:g} s each; medians, in brackets lowest to highest pass",
            "- CPU: user and system time of the whole process tree, from the kernel; not the upstream's, the load's or Valkey's",
        ]
    )


def _triple(values: Iterable[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _targets(results: Results) -> str:
    rows = []
    for verdict in judge(results):
        target = verdict.target
        value = "-" if verdict.value is None else f"{short(verdict.value)} {target.unit}"
        sign = "≥" if target.at_least else "≤"
        rows.append([target.text, f"{sign} {target.limit:g} {target.unit}", value, verdict.word])
    return table(["what", "promised", "this run", ""], rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def cell(found: Spread | None, scale: float = 1.0) -> str:
    """`12.3 (11.9-12.8)`."""
    if found is None:
        return "-"
    median, low, high = (short(value * scale) for value in found)
    return median if low == high else f"{median} ({low}-{high})"


def _measured(results: Results, *keys: str) -> list[tuple[str, SystemResult]]:
    return [(name, system) for name, system in results.systems.items() if any(key in system.measures for key in keys)]


def _pass_through(results: Results) -> str:
    base = results.median("nginx", _PASS, "cpu_us")
    rows = []
    for name, system in _measured(results, _PASS, "closed/small/1"):
        cpu = system.median(_PASS, "cpu_us")
        times = "-" if not base or not cpu else f"{cpu / base:.2f}"
        row = [name, system.version, system.governance]
        row += [
            cell(system.spread(_PASS, "cpu_us")) if cpu else "-",
            times,
            cell(system.spread("closed/small/1", "cpu_us")) if cpu else "-",
        ]
        for connections in (1, 32):
            key = f"closed/small/{connections}"
            row.append(cell(system.spread(key, "rps")))
            row.append(" / ".join(cell_short(system, key, number) for number in ("p50_us", "p95_us", "p99_us")))
        row.append(f"{(system.median(_PASS, 'core') or 0) * 100:.0f} %" if cpu else "-")
        rows.append(row)
    head = ["system", "version", "governance", "CPU µs/request at 32", "x nginx", "CPU µs/request at 1"]
    return table(
        [*head, "requests/s at 1", "p50 / p95 / p99 µs at 1", "requests/s at 32", "p50 / p95 / p99 µs at 32", "core used at 32"], rows
    )


def cell_short(system: SystemResult, key: str, number: str) -> str:
    value = system.median(key, number)
    return "-" if value is None else short(value)


def _sizes(results: Results) -> str:
    keys = sorted(
        {key for system in results.systems.values() for key in system.measures if key.startswith("closed/") and key.endswith("/32")}
    )
    keys.sort(key=lambda key: ("small", "10k", "100k").index(key.split("/")[1]))
    rows = []
    for name, system in _measured(results, *keys):
        cells = [f"{cell(system.spread(key, 'cpu_us'))}, {cell_short(system, key, 'rps')}/s" for key in keys]
        rows.append([name, *cells])
    return table(["system: CPU µs/request, requests/s", *(key.split("/")[1] for key in keys)], rows)


def _open(results: Results) -> str:
    keys = sorted({key for system in results.systems.values() for key in system.measures if key.startswith("open/")}, key=_rate)
    rows = []
    for name, system in _measured(results, *keys):
        cells = [" / ".join(cell_short(system, key, f"added_{number}_us") for number in ("p50", "p95", "p99")) for key in keys]
        rows.append([name, *cells])
    return table(["system: added p50 / p95 / p99 µs", *(f"{_rate(key)}/s" for key in keys)], rows)


def _rate(key: str) -> int:
    return int(key.split("/")[1])


def _streams(results: Results) -> str:
    base = results.median("nginx", "stream", "cpu_us")
    plain = results.median("direct", "stream", "first_token_p50_us")
    rows = []
    for name, system in _measured(results, "stream"):
        cpu, first = system.median("stream", "cpu_us"), system.median("stream", "first_token_p50_us")
        row = [name, cell(system.spread("stream", "cpu_us")) if cpu else "-", f"{cpu / base:.2f}" if cpu and base else "-"]
        row.append(short(first - plain) if first is not None and plain is not None and name != "direct" else "-")
        row.append(" / ".join(cell_short(system, "stream", f"first_token_{number}_us") for number in ("p50", "p95", "p99")))
        row.append(" / ".join(cell_short(system, "stream", f"chunk_{number}_us") for number in ("p50", "p95", "p99")))
        row.append(f"{(system.median('stream', 'whole') or 0) * 100:.0f} %")
        row.append(f"{(system.median('stream', 'behind') or 0) * 100:+.0f} %")
        rows.append(row)
    head = ["system", "CPU µs/chunk", "x nginx", "added to first token, p50 µs", "first token p50 / p95 / p99 µs"]
    plan = results.plan
    text = f"{plan['streams']} at once, {plan['chunks']} chunks each, one every {plan['interval_s'] * 1000:g} ms.\n\n"
    return text + table([*head, "chunk under way p50 / p95 / p99 µs", "streams whole", "time over schedule"], rows)


_CACHE_ROWS = (
    ("llm-edge", "hit/l1/1", "L1 hit, 1 connection"),
    ("llm-edge", "hit/l1/32", "L1 hit, 32 connections"),
    ("llm-edge-l2", "hit/l2/32", "L2 hit, 32 connections"),
)


def _cache(results: Results) -> str:
    rows = []
    for system_name, key, title in _CACHE_ROWS:
        system = results.systems.get(system_name)
        if system and key in system.measures:
            latencies = " / ".join(cell_short(system, key, number) for number in ("p50_us", "p95_us", "p99_us"))
            rows.append([title, cell(system.spread(key, "cpu_us")), cell(system.spread(key, "rps")), latencies])
    lines = [table(["", "CPU µs/request", "requests/s", "p50 / p95 / p99 µs"], rows), ""]
    for system_name, key, name, text in (
        ("llm-edge", "hit/l1/open", "added_p95_us", "L1 hit against the bare upstream, open loop, 500/s: p95 µs added"),
        ("llm-edge-l2", "hit/l2/open", "added_p95_us", "L2 hit against the bare upstream, open loop, 500/s: p95 µs added"),
        ("llm-edge", "lookup", "lookup_p99_us", "L1 look-up by the gateway's own clock: p99 µs, upper bound of its bucket"),
        ("llm-edge", "lag", "lag_p99_ms", "event-loop lag, 1 MB bodies at 4 connections: p99 ms, upper bound of its bucket"),
        ("llm-edge", "workers", "scaling", "requests/s of two workers against one"),
    ):
        system = results.systems.get(system_name)
        if system and (found := system.spread(key, name)):
            lines.append(f"- {text}: {cell(found)}")
    return "\n".join(lines)


def _memory(results: Results) -> str:
    rows = []
    for name, system in results.systems.items():
        if system.idle_rss_mb:
            ready = sorted(system.ready_s)
            starts = f"{short(ready[len(ready) // 2])} ({short(ready[0])}-{short(ready[-1])}, {len(ready)} starts)" if ready else "-"
            processes = " + ".join(short(value) for value in system.idle_rss_mb)
            rows.append([name, starts, processes, short(system.peak_rss_mb)])
    return table(["system", "spawn to ready, s", "resident at rest, MB, by process", "peak, MB"], rows)


def _missing(results: Results) -> str:
    lines = [f"- {name}: {reason}" for name, reason in results.skipped.items()]
    lines += [f"- {name}, {key}: {why}" for name, system in results.systems.items() for key, why in system.notes.items()]
    return "\n".join(line.splitlines()[0] for line in lines) if lines else "Everything was."


def plot(results: Results) -> str:
    def panel(title: str, unit: str, key: str, number: str) -> Panel:
        found = [(name, system.spread(key, number)) for name, system in results.systems.items()]
        shown = [Bar(name, *value) for name, value in found if value is not None and value.median > 0]
        return Panel(title, unit, sorted(shown, key=lambda bar: bar.value))

    panels = [
        panel("CPU a request, pass-through, 32 connections", "µs", _PASS, "cpu_us"),
        panel("CPU a streamed chunk", "µs", "stream", "cpu_us"),
        panel("latency p50, 1 connection", "µs", "closed/small/1", "p50_us"),
        panel("latency p99, 32 connections", "µs", _PASS, "p99_us"),
    ]
    return bars(f"LLM Edge benchmark, {results.started}", panels)
