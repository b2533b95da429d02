"""Check this installation and its surroundings. No provider is called. Exit code 1 when a check failed."""

import argparse

from proxy.cli.checks import Finding, examine
from proxy.cli.common import add_config, add_json, print_json

EXAMPLES = """examples:
  llm-edge doctor
  llm-edge doctor --config config.yaml --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    findings = examine(args.config)
    failed = any(finding.verdict == "fail" for finding in findings)
    if args.json:
        print_json({"ok": not failed, "checks": [finding._asdict() for finding in findings]})
    else:
        for finding in findings:
            print(_line(finding))
    return 1 if failed else 0


def _line(finding: Finding) -> str:
    first, *more = finding.text.splitlines()
    return "\n".join([f"{finding.verdict:<4}  {finding.check:<10}  {first}", *(f"{'':<18}{line}" for line in more)])
