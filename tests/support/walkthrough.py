"""Pages of shell blocks that show what they print, run in one bash from top to bottom as a reader would."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.support.serving import ROOT

_BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:```(json|text)\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_VARIABLE: tuple[tuple[str, str], ...] = (
    (r"lek_[\w-]{22}\.[0-9a-f]{64}", "KEY"),
    (r"lek_[\w-]{22}", "KEY_ID"),
    (r"\b[0-9a-f]{32}\b", "TRACE_ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
    (r'"created": ?\d+', '"created":0'),
    (r'"latency_ms": ?[\d.]+', '"latency_ms":0'),
    (r'"period": ?"\d{4}-\d\d"', '"period":"MONTH"'),
    (r"Retry in [\d.]+s", "Retry in Ns"),
)
"""Other each time."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    form: str = "text"
    shown: str = ""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    status: int
    printed: str
    complained: str
    seconds: float

    @property
    def told(self) -> tuple[int, Any]:
        """What it did, without what is other each time."""
        return self.status, _read(self.step.form, self.printed)

    @property
    def promised(self) -> tuple[int, Any]:
        return 0, _read(self.step.form, self.step.shown)


def steps_of(page: str) -> list[Step]:
    return [Step(code=code, form=form or "text", shown=shown) for code, form, shown in _BLOCK.findall(page)]


def run(steps: list[Step], folder: Path, *, port: int, within_s: float = 120.0, **environment: str) -> list[Ran]:
    """In `folder`, with `llm-edge` and `python` on the path; port 8080 of the page is `port`. What a block started ends with this."""
    bin_ = folder / "bin"
    bin_.mkdir(parents=True)
    for name, run_by in (("llm-edge", f"{sys.executable} -m proxy"), ("python", sys.executable)):
        (bin_ / name).write_text(f'#!/bin/sh\nexec {run_by} "$@"\n')
        (bin_ / name).chmod(0o755)
    script = "set -e -o pipefail\n"
    for number, step in enumerate(steps):
        (bin_ / f"{number}.sh").write_text(step.code.replace("8080", str(port)))
        began = f"began=$EPOCHREALTIME; . bin/{number}.sh > bin/{number}.out 2> bin/{number}.err; "
        script += began + f'printf "%s %s %s" $? $began $EPOCHREALTIME > bin/{number}.end\n'
    env = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_PROXY", "_proxy"))}
    env |= {"PATH": f"{bin_}:{env['PATH']}", "PYTHONPATH": str(ROOT), "LC_ALL": "C", **environment}
    bash = subprocess.Popen(["bash", "-c", script], cwd=folder, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        bash.wait(within_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(bash.pid, signal.SIGKILL)
        bash.wait()
    return [_ran(step, bin_, number) for number, step in enumerate(steps)]


def _ran(step: Step, folder: Path, number: int) -> Ran:
    """Status -1: it failed, or one before it did."""
    end = folder / f"{number}.end"
    status, began, ended = end.read_text().split() if end.is_file() else (-1, 0, 0)
    printed, complained = (file.read_text() if (file := folder / f"{number}.{name}").is_file() else "" for name in ("out", "err"))
    return Ran(step=step, status=int(status), printed=printed, complained=complained, seconds=float(ended) - float(began))


def _read(form: str, text: str) -> Any:
    for pattern, instead in _VARIABLE:
        text = re.sub(pattern, instead, text)
    if form == "json":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [line.strip() for line in text.splitlines()]
