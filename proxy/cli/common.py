"""What the commands share: which configuration, how to print."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from proxy.settings import Settings, load_settings


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="YAML file (default: that of LLM_EDGE_CONFIG, else the environment alone)")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def read_settings(args: argparse.Namespace) -> Settings:
    """For commands that don't listen. Raises SettingsError."""
    return load_settings(args.config, serving=False)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their longest cell, two spaces between."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
