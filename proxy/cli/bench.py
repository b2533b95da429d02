"""Measure the gateway with the benchmarks of a source checkout; all further arguments are theirs."""

import argparse
import runpy
import sys
from importlib.util import find_spec

EXAMPLES = """example:
  llm-edge bench -- --help"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="see `python -m benchmarks --help`")


def run(args: argparse.Namespace) -> int:
    sys.path.insert(0, "")  # a console script, unlike `python -m`, does not look in the working directory
    if _missing("benchmarks.__main__"):
        print("the benchmarks are not part of the distribution: run this in a source checkout", file=sys.stderr)
        return 1
    given = [word for word in args.arguments if word != "--"]
    sys.argv = ["benchmarks", *given]
    runpy.run_module("benchmarks", run_name="__main__", alter_sys=True)
    return 0


def _missing(module: str) -> bool:
    try:
        return find_spec(module) is None
    except ModuleNotFoundError:
        return True
