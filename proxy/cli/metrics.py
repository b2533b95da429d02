"""Print a running gateway's metrics in Prometheus's text format."""

import argparse
import sys

from proxy.cli.ask import add_target, ask

EXAMPLES = """example:
  llm-edge metrics --url http://127.0.0.1:9090"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)


def run(args: argparse.Namespace) -> int:
    answer = ask(args, "/metrics")
    text = answer.body.decode("utf-8", "replace")
    if answer.status != 200:
        print(f"HTTP {answer.status}: {text[:200]}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0
