"""What was used and what it cost, from the ledger of the record store.

Costs are exact; a record whose cost nobody knows counts under `unpriced`."""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import cast

from proxy.cli.common import add_config, add_json, print_json, print_table, stored_settings
from proxy.governance.metering.periods import span
from proxy.governance.metering.report import FOCUS, NUMBERS, as_bars, as_csv, as_svg, focus_rows, row_of
from proxy.storage.open import open_usage
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords, UsageSum
from proxy.storage.usage_rows import FILTERS, GROUPS

EXAMPLES = """examples:
  llm-edge usage report
  llm-edge usage report --by day,model --since 7d
  llm-edge usage report --by key --tenant acme --csv > november.csv
  llm-edge usage report --by team --svg teams.svg
  llm-edge usage report --since 2026-11-01 --focus > focus.csv"""
PAGE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    report = actions.add_parser("report", help="sums over groups", epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    report.add_argument("--by", default="model", metavar="A,B", help=f"{', '.join(GROUPS)} (default: model)")
    report.add_argument("--since", metavar="WHEN", help="a time (2026-11-01) or how long ago (36h, 30d, 4w); default 30d")
    report.add_argument("--until", metavar="WHEN", help="default: now")
    for name in FILTERS:
        report.add_argument(f"--{name}", metavar="VALUE", help=f"only of this {name}")
    forms = report.add_mutually_exclusive_group()
    add_json(report)
    forms.add_argument("--csv", action="store_true", help="print CSV")
    forms.add_argument("--focus", action="store_true", help="print charges as CSV in the columns of FOCUS")
    forms.add_argument("--svg", type=Path, metavar="FILE", help="write a plot")
    add_config(report)


def run(args: argparse.Namespace) -> int:
    settings = stored_settings(args)
    return asyncio.run(_report(open_usage(settings.stores.records_url), args))


async def _report(records: UsageRecords, args: argparse.Namespace) -> int:
    since, until = span(args.since, args.until, time.time())
    filters = {name: value for name in FILTERS if (value := getattr(args, name)) is not None}
    by = cast("tuple[GroupBy, ...]", tuple(name for part in args.by.split(",") if (name := part.strip())))
    try:
        if args.focus:
            sys.stdout.write(as_csv(focus_rows(await _all(records, since, until, filters)), FOCUS))
            return 0
        _print(await records.sums(by, since=since, until=until, filters=filters), by, args)
    finally:
        await records.aclose()
    return 0


def _print(sums: list[UsageSum], by: tuple[GroupBy, ...], args: argparse.Namespace) -> None:
    rows = [row_of(s, by) for s in sums]
    if args.svg is not None:
        args.svg.write_text(as_svg(sums, by), encoding="utf-8")
        print(f"written: {args.svg}", file=sys.stderr)
    elif args.json:
        print_json(rows)
    elif args.csv:
        sys.stdout.write(as_csv(rows, (*by, *NUMBERS)))
    else:
        print_table([name.upper() for name in (*by, *NUMBERS)], [[str(value) or "-" for value in row.values()] for row in rows])
        print()
        print(as_bars(sums, by))


async def _all(records: UsageRecords, since: float, until: float, filters: dict[str, str]) -> list[UsageRecord]:
    found: list[UsageRecord] = []
    while page := await records.list(since=since, until=until, filters=filters, limit=PAGE, after=found[-1].id if found else ""):
        found += page
    return found
