"""Write a sample configuration, check one, show what holds."""

import argparse
import os
import sys
from importlib.resources import files
from pathlib import Path

from proxy.cli.common import add_json, print_json
from proxy.settings import SettingsError, load_settings

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
    try:
        settings = load_settings(args.file)
    except SettingsError as exc:
        if not args.json:
            raise
        problems = [{"where": item.where, "path": item.path, "message": item.message} for item in exc.problems]
        print_json({"ok": False, "problems": problems, "not_yet": []})
        return 2
    if args.json:
        print_json({"ok": True, "problems": [], "not_yet": settings.not_yet(), "digest": settings.digest()})
        return 0
    for line in settings.not_yet():
        print(f"note: {line}")
    print(f"{Path(args.file).name if args.file else 'environment'}: ok (digest {settings.digest()})")
    return 0


def _show(args: argparse.Namespace) -> int:
    from proxy.settings.show import as_json, as_text

    settings = load_settings(args.file, serving=False)
    if args.json:
        print_json(as_json(settings))
    else:
        sys.stdout.write(as_text(settings))
    return 0


def _docs(args: argparse.Namespace) -> int:
    from proxy.settings.document import settings_markdown

    sys.stdout.write(settings_markdown())
    return 0
