"""Ask a running gateway how it is. Exit code 0: healthy or degraded but serving; 1: not."""

import argparse
import json
from typing import Any

from proxy.cli.ask import add_target, ask
from proxy.cli.common import add_json, print_json
from proxy.core.errors import Unavailable

EXAMPLES = """examples:
  llm-edge health
  llm-edge health --url http://127.0.0.1:8080 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    try:
        answer = ask(args, "/health")
        status, facts = answer.status, _decoded(answer.body)
    except Unavailable as exc:
        if not args.json:
            raise
        status, facts = 0, {"status": "unreachable", "error": exc.message}
    if args.json:
        print_json(facts)
    else:
        word = facts.get("status", f"HTTP {status}")
        version = f" (version {facts['version']})" if "version" in facts else ""
        print(f"{word}{version}")
    return 0 if status == 200 else 1


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {"status": "not a gateway's answer"}
    return value if isinstance(value, dict) else {"status": "not a gateway's answer"}
