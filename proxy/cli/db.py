"""Bring the record store up to date: the schema of Postgres, the tables of DynamoDB.

Only adds, so gateways of the release before go on working. SQLite does it by itself."""

import argparse
import asyncio
from typing import Any

from proxy.cli.common import add_config, add_json, print_json, read_settings
from proxy.settings import Problem, SettingsError, redact_url
from proxy.storage.open import open_records
from proxy.storage.upgrade import Upgrade, upgrade

EXAMPLES = """examples:
  llm-edge db upgrade --config config.yaml
  llm-edge db upgrade --check"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    action = actions.add_parser("upgrade", help="make what this release needs", epilog="example: llm-edge db upgrade --check")
    action.add_argument("--check", action="store_true", help="only say what is missing; exit code 1 where something is")
    add_config(action)
    add_json(action)


def run(args: argparse.Namespace) -> int:
    url = read_settings(args).stores.records_url
    if url.startswith("memory") or url.rstrip("/") == "sqlite:":
        raise SettingsError(Problem("is in memory: there is nothing to upgrade", "stores.records"))
    if url.startswith("sqlite"):
        done = Upgrade(before="") if args.check else asyncio.run(_touch(url))
    else:
        done = asyncio.run(upgrade(url, check=args.check))
    if args.json:
        print_json(_facts(url, done))
    else:
        for line in done.lines(redact_url(url), check=args.check):
            print(line)
    return 1 if args.check and done.missing else 0


async def _touch(url: str) -> Upgrade:
    """Its first call does it."""
    records = open_records(url)
    try:
        await records.ping()
    finally:
        await records.aclose()
    return Upgrade(before="")


def _facts(url: str, done: Upgrade) -> dict[str, Any]:
    return {"records": redact_url(url), "before": done.before, "missing": list(done.missing), "notes": list(done.notes)}
