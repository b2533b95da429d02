"""The controller's side of the load generator."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from benchmarks.load.jobs import Job, Outcome
from benchmarks.processes import end_by_pipe, pinned


class LoadError(RuntimeError):
    """The load generator refused or could not do a job."""


class LoadWorker:
    """One process for many jobs: starting an interpreter each time would cost more than a short job."""

    def __init__(self, cores: Sequence[int] = ()) -> None:
        with pinned(cores):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )

    def run(self, job: Job) -> list[Outcome]:
        """One outcome a target. Raises LoadError, JobError."""
        job.check()
        if self._process.stdin is None or self._process.stdout is None:
            raise LoadError("the load generator has no pipes")
        self._process.stdin.write(job.to_json() + "\n")
        line = self._process.stdout.readline()
        if not line:
            raise LoadError("the load generator ended")
        reply = json.loads(line)
        if "error" in reply:
            raise LoadError(reply["error"])
        return [Outcome(**outcome) for outcome in reply["outcomes"]]

    def close(self) -> None:
        end_by_pipe(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
