"""`scripts/fuzz`: the fuzz targets, with atheris's coverage guidance or with plain random choices."""

import argparse
import importlib
import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.support.fuzz_targets import TARGETS
from tests.support.mutations import Choices

NO_ATHERIS = """atheris is not installed here, so nothing guides the search. Either install it (`.venv/bin/pip install atheris`; it has
wheels for Linux and CPython), or add --random for choices without guidance."""


class Seeded:
    """Random choices that a seed repeats."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


class Provided:
    """Choices out of atheris's bytes."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def number(self, low: int, high: int) -> int:
        chosen: int = self._provider.ConsumeIntInRange(low, high)
        return chosen


def main(arguments: Sequence[str]) -> int:
    """0: nothing found; 1: something was; 2: cannot run."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__, epilog=f"targets: {' '.join(TARGETS)}")
    parser.add_argument("target", nargs="*", metavar="TARGET", help="what to fuzz; default with --random: everything")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, for each target (default %(default)s)")
    parser.add_argument("--random", action="store_true", help="without atheris")
    parser.add_argument("--seed", default="0", help="of --random; a failure names the seed that repeats it with --once")
    parser.add_argument("--once", action="store_true", help="with --random: one try with exactly that seed")
    parser.add_argument("--corpus", metavar="DIR", help="of atheris: where it keeps what it has found")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.target if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)} (targets: {' '.join(TARGETS)})")
    if options.random:
        results = [_random(name, options.seed, options.seconds, once=options.once) for name in options.target or TARGETS]
        return 0 if all(results) else 1
    if importlib.util.find_spec("atheris") is None:
        print(NO_ATHERIS, file=sys.stderr)
        return 2
    if len(options.target) != 1:
        parser.error("atheris runs one target a process: name it")
    return _guided(TARGETS[options.target[0]], options.seconds, options.corpus)


def _random(name: str, seed: str, seconds: float, *, once: bool) -> bool:
    """Whether nothing was found."""
    until = time.monotonic() + seconds
    tries = 0
    while True:
        this = seed if once else f"{seed}-{tries}"
        try:
            TARGETS[name](Seeded(this))
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            traceback.print_exc()
            print(f"{name}: FOUND after {tries} tries; again with: scripts/fuzz {name} --random --once --seed {this}", file=sys.stderr)
            return False
        tries += 1
        if once or time.monotonic() >= until:
            print(f"{name}: nothing in {tries} tries")
            return True


def _guided(target: Callable[[Choices], None], seconds: float, corpus: str | None) -> int:
    atheris: Any = importlib.import_module("atheris")
    atheris.instrument_all()
    flags = [f"-max_total_time={int(seconds)}", *([corpus] if corpus else [])]
    atheris.Setup(["fuzz", *flags], lambda data: target(Provided(atheris.FuzzedDataProvider(data))))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
