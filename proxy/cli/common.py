"""What the commands share: which configuration, how to print."""

import argparse
import asyncio
import json
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from proxy.core.errors import ClientFault, InvalidField
from proxy.settings import Problem, Settings, SettingsError, load_settings
from proxy.storage.open import sqlite_path


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="YAML file (default: that of LLM_EDGE_CONFIG, else the environment alone)")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def read_settings(args: argparse.Namespace) -> Settings:
    """For commands that don't listen. Raises SettingsError."""
    return load_settings(args.config, serving=False)


def stored_settings(args: argparse.Namespace) -> Settings:
    """For commands that work on the record store itself. Raises SettingsError, also where it is in a gateway's memory."""
    settings = read_settings(args)
    if settings.stores.embedded_records and sqlite_path(settings.stores.records_url) is None:
        raise SettingsError(Problem("is in memory: it is empty for every process; use sqlite:///file.db", "stores.records"))
    return settings


def finished(work: Coroutine[Any, Any, int]) -> int:
    """The exit code: 2 for what was said wrongly, 1 for what is not so, with the reason on standard error."""
    try:
        return asyncio.run(work)
    except InvalidField as exc:
        print(exc.message, file=sys.stderr)
        return 2
    except ClientFault as exc:
        print(exc.message, file=sys.stderr)
        return 1


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their longest cell, two spaces between."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
