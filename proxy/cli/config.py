"""Write a sample configuration, check one, show what holds."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from proxy.cli.common import add_json, print_json
from proxy.core.errors import Unavailable
from proxy.settings import Problem, Settings, SettingsError, load_settings

EXAMPLES = """examples:
  llm-edge config init config.yaml
  llm-edge config check config.yaml
  llm-edge config show config.yaml --json"""

DEFAULT_FILE = "config.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = actions.add_parser("init", help="write a commented sample", epilog="example: llm-edge config init config.yaml")
    init.add_argument("file", nargs="?", default=DEFAULT_FILE, metavar="FILE", help=f"where (default {DEFAULT_FILE}); - is standard output")
    init.add_argument("--force", action="store_true", help="overwrite an existing file")
    check = actions.add_parser("check", help="say what is wrong and where", epilog="example: llm-edge config check config.yaml")
    check.add_argument("file", nargs="?", metavar="FILE", help="YAML file (default: that of LLM_EDGE_CONFIG, else the environment alone)")
    add_json(check)
    show = actions.add_parser("show", help="print what holds, secrets hidden", epilog="example: llm-edge config show config.yaml")
    show.add_argument("file", nargs="?", metavar="FILE", help="as for check")
    add_json(show)
    actions.add_parser("docs", help="print docs/configuration.md", epilog="example: llm-edge config docs > docs/configuration.md")


def run(args: argparse.Namespace) -> int:
    actions = {"init": _init, "check": _check, "show": _show, "docs": _docs}
    return actions[args.action](args)


def _init(args: argparse.Namespace) -> int:
    text = (files("proxy.settings") / "sample.yaml").read_text(encoding="utf-8")
    if args.file == "-":
        sys.stdout.write(text)
        return 0
    mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if args.force else os.O_EXCL)
    try:
        descriptor = os.open(args.file, mode, 0o600)  # people will write keys into it
    except FileExistsError:
        print(f"{args.file} exists; --force overwrites it", file=sys.stderr)
        return 1
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    print(f"wrote {args.file}; check it with: llm-edge config check {args.file}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from proxy.cli.strategy_checks import strategy_problems

    try:
        settings = load_settings(args.file)
        unusable, unknown = strategy_problems(settings)
        if unusable:
            raise SettingsError(*unusable)
    except SettingsError as exc:
        if not args.json:
            raise
        print_json({"ok": False, "problems": _listed(exc.problems), "unknown": [], "not_yet": []})
        return 2
    if args.json:
        found = {"ok": True, "problems": [], "unknown": _listed(unknown), "not_yet": settings.not_yet(), "digest": settings.digest()}
        print_json(found)
        return 0
    for item in unknown:
        print(f"note: {item}")
    for line in settings.not_yet():
        print(f"note: {line}")
    print(f"{Path(args.file).name if args.file else 'environment'}: ok (digest {settings.digest()})")
    return 0


def _listed(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"where": item.where, "path": item.path, "message": item.message} for item in problems]


def _show(args: argparse.Namespace) -> int:
    from proxy.settings.show import as_json, as_text

    settings = load_settings(args.file, serving=False)
    drift = _drift(settings)
    if args.json:
        print_json(as_json(settings) | {"drift": drift})
    else:
        sys.stdout.write(as_text(settings) + "".join(f"# {line}\n" for line in drift_lines(drift)))
    return 0


def _drift(settings: Settings) -> dict[str, Any]:
    """What the admin API has laid over, as the record store has it; `error` where that does not answer."""
    from proxy.admin.drift import drift
    from proxy.storage.open import open_overlays
    from proxy.storage.overlays import EMPTY, Overlays

    async def read() -> Overlays:
        records = open_overlays(settings.stores.records_url)
        try:
            return await records.load() if await records.version() else EMPTY
        finally:
            await records.aclose()

    try:
        return drift(settings, asyncio.run(read()))
    except Unavailable as exc:
        return {"error": exc.message}


def drift_lines(drift: dict[str, Any]) -> list[str]:
    """For people; none where nothing is laid over."""
    if "error" in drift:
        return [f"drift is not known: {drift['error']}"]
    lines = []
    for name, overlay in drift["weights"].items():
        for target, weight in overlay["weights"].items():
            was = overlay["configured"].get(target)
            stale = " (without effect: not in the configuration)" if target in overlay["stale"] else ""
            lines.append(f"  models.{name} {target}: weight {'-' if was is None else f'{was:g}'} → {weight:g}, {_who(overlay)}{stale}")
    for target, overlay in drift["drained"].items():
        lines.append(f"  {target}: drained, {_who(overlay)}{' (not in the configuration)' if overlay['stale'] else ''}")
    return [f"drift, version {drift['version']}: laid over by the admin API", *lines] if lines else []


def _who(overlay: dict[str, Any]) -> str:
    return f"by {overlay['by']} at {overlay['at']}"


def _docs(args: argparse.Namespace) -> int:
    from proxy.settings.document import settings_markdown

    sys.stdout.write(settings_markdown())
    return 0
