"""`python -m benchmarks`: see docs/benchmarks.md."""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from benchmarks.faults.command import add_parser, faults
from benchmarks.fleet.command import add_parser as add_fleet
from benchmarks.fleet.command import fleet
from benchmarks.machine import plan_cores
from benchmarks.plan import full, quick
from benchmarks.processes import StartError
from benchmarks.report import markdown, plot
from benchmarks.results import Results
from benchmarks.runner import DEFAULT, NAMES, Run
from benchmarks.scenarios import US
from benchmarks.targets import judge
from benchmarks.upstream.servers import NoNginx

RESULTS = Path(__file__).parent / "results"


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the gateway beside nginx and peers, on loopback.")
    found.add_argument("--quick", action="store_true", help="short and noisy: does everything work?")
    found.add_argument("--passes", type=int, default=3, metavar="N", help="passes over all systems (default 3; --quick: 1)")
    found.add_argument("--systems", default=",".join(DEFAULT), metavar="A,B", help=f"of {', '.join(NAMES)} (default: all but uvicorn)")
    found.add_argument("--only", default="", metavar="A,B", help="scenarios: closed, open, stream, translated, hit, lookup, lag, workers")
    found.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where JSON, Markdown and SVG go")
    found.add_argument("--peers", type=Path, default=os.environ.get("LLM_EDGE_BENCH_PEERS"), metavar="DIR", help="installed peers")
    found.add_argument("--profile", action="store_true", help="instead: run the gateway under cProfile and print what costs most")
    commands = found.add_subparsers(dest="command", metavar="")
    soak = commands.add_parser("soak", help="many mixed requests against the echo provider: does anything grow?")
    soak.add_argument("--requests", type=int, default=100_000, metavar="N")
    soak.add_argument("--connections", type=int, default=32, metavar="N")
    soak.add_argument("--out", type=Path, default=RESULTS, metavar="DIR")
    add_parser(commands, RESULTS)
    add_fleet(commands, RESULTS)
    choice = commands.add_parser("routing", help="what a choice of targets costs in CPU; no server is started")
    choice.add_argument("--candidates", type=int, default=100, metavar="N")
    return found


def say(line: str) -> None:
    """To whoever reads: where nobody does any more (`| head`) the run ends, as by SIGPIPE."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer is flushed at the exit
        raise SystemExit(128 + signal.SIGPIPE) from None


def _chosen(args: argparse.Namespace) -> list[str]:
    names = [name for name in args.systems.split(",") if name]
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SystemExit(f"no such system: {', '.join(unknown)}; known are {', '.join(NAMES)}")
    return names


def run(args: argparse.Namespace, work: Path) -> int:
    passes = 1 if args.quick and args.passes == 3 else args.passes
    plan = quick(passes) if args.quick else full(passes)
    cores = plan_cores(os.sched_getaffinity(0))
    say(cores.describe())
    only = [key for key in args.only.split(",") if key]
    results = Run(plan, cores, work, peers=args.peers, say=say).go(_chosen(args), only)
    write(results, args.out)
    return 1 if US in results.skipped else 0


def write(results: Results, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    name = "run-" + time.strftime("%Y%m%d-%H%M%S")
    results.write(out / f"{name}.json")
    (out / f"{name}.md").write_text(markdown(results))
    (out / f"{name}.svg").write_text(plot(results))
    for verdict in judge(results):
        value = "" if verdict.value is None else f"{verdict.value:.3g} {verdict.target.unit}"
        sign = ">=" if verdict.target.at_least else "<="
        say(f"{verdict.word:<13} {verdict.target.text}: {value} ({sign} {verdict.target.limit:g} {verdict.target.unit})")
    say(f"written: {out / name}.json, .md, .svg")


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if sys.platform != "linux":
        raise SystemExit("the benchmarks read /proc and pin cores: Linux only")

    def ended(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, ended)
    with tempfile.TemporaryDirectory(prefix="llm-edge-bench-") as directory:
        try:
            if args.command == "soak":
                from benchmarks.soak import soak

                return soak(args.requests, args.connections, args.out, Path(directory), say)
            if args.command == "faults":
                return faults(args, Path(directory), say)
            if args.command == "fleet":
                return fleet(args, Path(directory), say)
            if args.command == "routing":
                from benchmarks.routing import routing

                return routing(args.candidates, say)
            if args.profile:
                from benchmarks.profiling import profile

                return profile(Path(directory), say)
            return run(args, Path(directory))
        except (StartError, NoNginx) as exc:
            say(str(exc))
            return 1


if __name__ == "__main__":
    sys.exit(main())
