"""`llm-edge COMMAND …`: finds the command, runs it, turns failures into a line and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import TracebackType
from typing import Any, NamedTuple

from proxy.core.version import __version__

_DASHED_ID = re.compile(r"-[A-Za-z0-9_][A-Za-z0-9_-]{20}")
"""`secrets.token_urlsafe(16)`."""


class Parser(argparse.ArgumentParser):
    """One of 64 ids of agenthub's keys begins with a dash: such a word is no option, wherever it stands. (As argparse itself sees to it for
    negative numbers, in the same place; parsers of subcommands are of this class, too.)"""

    def _parse_optional(self, arg_string: str) -> Any:
        return None if _DASHED_ID.fullmatch(arg_string) else super()._parse_optional(arg_string)


class Command(NamedTuple):
    """`module` has `add_arguments(parser)` and the function `function(args) -> exit code`."""

    module: str
    function: str
    help: str


COMMANDS: dict[str, Command] = {
    "serve": Command("proxy.cli.serve", "run", "run the gateway"),
    "keys": Command("proxy.cli.keys", "run", "create, list, change, rotate and revoke API keys"),
    "plans": Command("proxy.cli.plans", "run", "usage plans: what entities may use, and how much"),
    "db": Command("proxy.cli.db", "run", "bring a shared record store up to date"),
    "cache": Command("proxy.cli.cache", "run", "find a threshold for the semantic cache"),
    "config": Command("proxy.cli.config", "run", "write, check and show the configuration"),
    "routes": Command("proxy.cli.routes", "run", "explain where a request would go, and why"),
    "usage": Command("proxy.cli.usage", "run", "report what was used and what it cost"),
    "health": Command("proxy.cli.health", "run", "ask a running gateway how it is"),
    "metrics": Command("proxy.cli.metrics", "run", "print a running gateway's metrics"),
    "doctor": Command("proxy.cli.doctor", "run", "check this installation and its surroundings"),
    "bench": Command("proxy.cli.bench", "run", "measure the gateway (from a source checkout)"),
}

AGENT_WORDS: dict[str, str] = {
    "start": "serve",
    "health": "health",
    "config": "config",
    "metrics": "metrics",
    "benchmark": "bench",
}
"""Words of `llm-edge-agent` → ours."""

_EXAMPLES = """examples:
  llm-edge serve --demo
  llm-edge config check config.yaml
  llm-edge keys create --name ci --json

`llm-edge COMMAND --help` says more about each."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `llm-edge`; `argv` without the program's name."""
    return _run("llm-edge", {name: name for name in COMMANDS}, argv)


def main_agent(argv: Sequence[str] | None = None) -> int:
    """Entry point of `llm-edge-agent`, the words of the edge agent that this gateway replaces."""
    return _run("llm-edge-agent", AGENT_WORDS, argv)


def _run(program: str, words: dict[str, str], argv: Sequence[str] | None) -> int:
    if argv is None:
        sys.excepthook = one_line
        argv = sys.argv[1:]
    try:
        word, rest = _split(program, words, argv)
        return _dispatch(f"{program} {word}", COMMANDS[words[word]], rest)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 1
    except KeyboardInterrupt:
        return 130


def _split(program: str, words: dict[str, str], argv: Sequence[str]) -> tuple[str, list[str]]:
    listing = "\n".join(f"  {word:<10} {COMMANDS[ours].help}" for word, ours in words.items())
    parser = argparse.ArgumentParser(
        prog=program,
        usage=f"{program} [--version] COMMAND …",
        description=f"An OpenAI-compatible gateway in front of LLM providers.\n\ncommands:\n{listing}",
        epilog=_EXAMPLES if program == "llm-edge" else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"llm-edge {__version__}")
    parser.add_argument("command", choices=list(words), metavar="COMMAND", help=argparse.SUPPRESS)
    first = parser.parse_args(argv[:1])
    return first.command, list(argv[1:])


def _dispatch(program: str, command: Command, argv: list[str]) -> int:
    try:
        module = import_module(command.module)
    except ModuleNotFoundError as exc:
        sys.stderr.write(f"{program}: not part of this installation (no module {exc.name})\n")
        return 1
    parser = Parser(
        prog=program,
        description=module.__doc__,
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return _guarded(program, module.__dict__[command.function], parser.parse_args(argv))


def _guarded(program: str, run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    from proxy.core.errors import EdgeError
    from proxy.settings.errors import SettingsError

    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    except EdgeError as exc:
        sys.stderr.write(f"{program}: {exc.message}\n")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader (`| head`) left: the exit's flush must not fail
        return 1
    except OSError as exc:
        sys.stderr.write(f"{program}: {exc.strerror or exc}{f': {exc.filename}' if exc.filename else ''}\n")
        return 1


def one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Stands in for the interpreter's traceback, which `python -X dev -m proxy …` still shows."""
    if sys.flags.dev_mode:
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write(f"llm-edge: internal error: {kind.__name__}: {error}\nrun it as `python -X dev -m proxy …` for the traceback\n")
