"""`python -m benchmarks faults`: see docs/benchmarks.md."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.faults.report import markdown, plots
from benchmarks.faults.results import FaultResults
from benchmarks.faults.rows import ONE, SYSTEMS, Row, gateway_config, rows
from benchmarks.faults.run import FaultRun, load_of
from benchmarks.faults.targets import judge
from benchmarks.machine import plan_cores
from benchmarks.scenarios import wanted

REQUESTS = 2000
SMOKE_REQUESTS = 60
SMOKE = ("down/one", "down/failover")
MAX_REQUESTS = 200_000
_EPILOG = """examples:
  python -m benchmarks faults                                  all rows; about an hour with LiteLLM
  python -m benchmarks faults --only down,tail/failover        one scenario, and one row of another
  python -m benchmarks faults --systems llm-edge --requests 500 --seed 7
  python -m benchmarks faults --list                           rows, and why this version lacks some
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", out: Path) -> None:
    found = commands.add_parser(
        "faults",
        help="upstreams that fail in every way: what does each strategy make of it?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--seed", type=int, default=1, metavar="N", help="of arrivals, latencies and faults (default 1)")
    found.add_argument(
        "--requests", type=int, default=None, metavar="N", help=f"a row, about (default {REQUESTS}; --smoke: {SMOKE_REQUESTS})"
    )
    found.add_argument("--only", default="", metavar="ROWS", help="scenarios or rows, with commas: down, flapping/failover")
    found.add_argument("--systems", default=",".join(SYSTEMS), metavar="A,B", help=f"of {', '.join(SYSTEMS)} (default: all)")
    found.add_argument("--list", action="store_true", help="name the rows and what this version lacks, run nothing")
    found.add_argument("--smoke", action="store_true", help="short: does everything work? The numbers say nothing")
    found.add_argument("--strict", action="store_true", help="exit with 1 when a target that was measured is missed")
    found.add_argument("--out", type=Path, default=out, metavar="DIR", help="where the directory with JSON, Markdown and SVG goes")
    found.add_argument("--peers", type=Path, default=os.environ.get("LLM_EDGE_BENCH_PEERS"), metavar="DIR", help="installed peers")


def chosen(args: argparse.Namespace) -> list[Row]:
    """Raises SystemExit for names that match nothing."""
    systems = [name for name in args.systems.split(",") if name]
    unknown = [name for name in systems if name not in SYSTEMS]
    if unknown:
        raise SystemExit(f"no such system: {', '.join(unknown)}; known are {', '.join(SYSTEMS)}")
    only = [key.strip() for key in args.only.split(",") if key.strip()] or list(SMOKE if args.smoke else ())
    everything = rows()
    for key in only:
        if not any(wanted(row.key, [key]) for row in everything):
            raise SystemExit(f"no such row: {key}; see --list")
    found = [row for row in everything if wanted(row.key, only) and row.system in systems]
    if not found:
        raise SystemExit("no row is left of that --only with these --systems")
    return found


def show_list(found: Sequence[Row], requests: int, seed: int, say: Callable[[str], None]) -> None:
    seconds = 0.0
    for row in found:
        load = load_of(row, requests, seed)
        seconds += load.span_s
        why_not = ""
        if row.system in ("llm-edge", ONE):
            members = row.scenario.members(load.span_s)
            why_not = gateway_config(row, members, {member.name: 1 for member in members}, 1, ".")[1]
        say(f"{row.key:<26} {row.scenario.title}{'; ' + row.variant.stories if row.variant.stories else ''}")
        if why_not:
            say(f"{'':<26} not in this version: {why_not}")
    say(f"{len(found)} rows, {seconds / 60:.0f} minutes of load and some seconds a start")


def faults(args: argparse.Namespace, work: Path, say: Callable[[str], None]) -> int:
    """Raises StartError."""
    requests = args.requests or (SMOKE_REQUESTS if args.smoke else REQUESTS)
    if not 20 <= requests <= MAX_REQUESTS:
        raise SystemExit(f"a row has 20 to {MAX_REQUESTS} requests")
    found = chosen(args)
    if args.list:
        show_list(found, requests, args.seed, say)
        return 0
    cores = plan_cores(os.sched_getaffinity(0))
    say(cores.describe())
    run = FaultRun(work, cores, requests=requests, seed=args.seed, peers=args.peers, say=say)
    try:
        results = run.go(found)
    except BaseException:  # an hour's rows are not lost to what ended the run
        if run.results.rows:
            write(run.results, args.out, say)
        raise
    missed = write(results, args.out, say)
    broken = any(row.note.startswith("not measured:") and row.system in ("llm-edge", ONE) for row in results.rows)
    return 1 if broken or (args.strict and missed) else 0


def write(results: FaultResults, out: Path, say: Callable[[str], None]) -> int:
    """How many targets were missed."""
    directory = out / ("faults-" + time.strftime("%Y%m%d-%H%M%S"))
    directory.mkdir(parents=True, exist_ok=True)
    results.write(directory / "report.json")
    (directory / "report.md").write_text(markdown(results))
    for name, svg in plots(results).items():
        (directory / f"{name}.svg").write_text(svg)
    verdicts = judge(results)
    for verdict in verdicts:
        value = "" if verdict.value is None else f"{verdict.value:.4g} {verdict.target.unit}"
        sign = ">=" if verdict.target.at_least else "<="
        say(f"{verdict.word:<13} {verdict.target.text}: {value} ({sign} {verdict.target.limit:g} {verdict.target.unit})")
    say(f"written: {directory}")
    return sum(verdict.met is False for verdict in verdicts)
