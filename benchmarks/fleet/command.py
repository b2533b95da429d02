"""`python -m benchmarks fleet`: see docs/benchmarks.md."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.fleet.plan import GATEWAYS, Plan
from benchmarks.fleet.report import markdown, plot
from benchmarks.fleet.results import FleetResults
from benchmarks.fleet.run import SPENDERS, FleetRun
from benchmarks.fleet.targets import judge
from benchmarks.systems.base import Missing

_DEFAULT = Plan()
_EPILOG = """examples:
  python -m benchmarks fleet                                   ten minutes of overload; about 16 minutes in all
  python -m benchmarks fleet --overload-s 60 --strict          5 minutes; exit code 1 when something is missed
  python -m benchmarks fleet --smoke                           does everything work? The numbers say little
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", out: Path) -> None:
    found = commands.add_parser(
        "fleet",
        help=f"{GATEWAYS} gateways, one Redis, one Postgres; a SIGKILL and outages: do limits, budgets and bills hold?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--overload-s", type=float, default=None, metavar="S", help=f"of overload (default {_DEFAULT.overload_s:g})")
    found.add_argument(
        "--outage-s", type=float, default=None, metavar="S", help=f"of Redis and of Postgres (default {_DEFAULT.outage_s:g})"
    )
    found.add_argument("--limit", type=int, default=_DEFAULT.limit, metavar="N", help=f"requests a minute (default {_DEFAULT.limit})")
    found.add_argument("--clients", type=int, default=_DEFAULT.clients, metavar="N", help=f"at once (default {_DEFAULT.clients})")
    found.add_argument("--seed", type=int, default=_DEFAULT.seed, metavar="N", help="of what the provider bills (default 1)")
    found.add_argument("--smoke", action="store_true", help="10 s of overload, outages of 5 s")
    found.add_argument("--strict", action="store_true", help="exit with 1 when a target that was measured is missed")
    found.add_argument("--out", type=Path, default=out, metavar="DIR", help="where the directory with JSON, Markdown and SVG goes")


def plan_of(args: argparse.Namespace) -> Plan:
    """Raises SystemExit for numbers that make no sense."""
    overload_s = args.overload_s if args.overload_s is not None else 10.0 if args.smoke else _DEFAULT.overload_s
    outage_s = args.outage_s if args.outage_s is not None else 5.0 if args.smoke else _DEFAULT.outage_s
    if not 5 <= overload_s <= 7200 or not 3 <= outage_s <= 600:
        raise SystemExit("an overload lasts 5 to 7200 s, an outage 3 to 600 s")
    if not 60 <= args.limit <= 60_000 or not 2 * SPENDERS <= args.clients <= 2000:
        raise SystemExit(f"the limit is 60 to 60000 a minute, and there are {2 * SPENDERS} to 2000 clients")
    kill_s = 24.0 if args.smoke else _DEFAULT.kill_s
    return Plan(limit=args.limit, clients=args.clients, overload_s=overload_s, outage_s=outage_s, kill_s=kill_s, seed=args.seed)


def fleet(args: argparse.Namespace, work: Path, say: Callable[[str], None]) -> int:
    """Raises StartError."""
    plan = plan_of(args)
    asked = f"{plan.limit} requests a minute are allowed, {plan.rate * 60:g} asked for"
    say(f"{plan.clients} clients; {asked}; about {plan.span_s / 60:.0f} minutes")
    try:
        results = FleetRun(plan, work, say).go()
    except Missing as exc:
        raise SystemExit(str(exc)) from None
    missed = write(results, args.out, say)
    return 1 if args.strict and missed else 0


def write(results: FleetResults, out: Path, say: Callable[[str], None]) -> int:
    """How many targets were missed."""
    directory = out / ("fleet-" + time.strftime("%Y%m%d-%H%M%S"))
    directory.mkdir(parents=True, exist_ok=True)
    results.write(directory / "report.json")
    (directory / "report.md").write_text(markdown(results))
    (directory / "admitted.svg").write_text(plot(results))
    verdicts = judge(results)
    for verdict in verdicts:
        value = "" if verdict.value is None else f"{verdict.value:.6g} {verdict.target.unit}"
        sign = ">=" if verdict.target.at_least else "<="
        say(f"{verdict.word:<13} {verdict.target.text}: {value} ({sign} {verdict.target.limit:g} {verdict.target.unit})")
    for line in [*results.books.examples, *results.reports, *results.log_errors][:20]:
        say(f"  {line}")
    say(f"written: {directory}")
    return sum(verdict.met is False for verdict in verdicts)
