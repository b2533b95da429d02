"""A run of the fault bench where things go wrong on our side."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.faults.client import Door
from benchmarks.faults.report import markdown
from benchmarks.faults.results import RowResult
from benchmarks.faults.rows import Row, rows
from benchmarks.faults.run import FaultRun, Started
from benchmarks.faults.scenarios import Members
from benchmarks.machine import Cores
from benchmarks.processes import Managed


class EndsAtOnce(FaultRun):
    """Its system under test is a program that says why and ends."""

    program = ""

    def _start(self, row: Row, members: Members, ports: Mapping[str, int], found: RowResult) -> Started | None:
        return Started(Managed(["/bin/sh", "-c", self.program], log=self._work / "log"), Door(ports["a"]))


@pytest.fixture
def row() -> Row:
    return next(row for row in rows() if row.key == "healthy/failover")


@pytest.mark.parametrize(
    ("program", "how"), [("echo out of memory; exit 3", "exit code 3"), ("echo out of memory; kill -9 $$", "killed by SIGKILL")]
)
def test_a_system_that_ends_has_no_numbers(tmp_path: Path, row: Row, program: str, how: str) -> None:
    """What the clients saw meanwhile is nobody's figure; how it ended and the last lines of its output are kept, and reported."""
    said: list[str] = []
    run = EndsAtOnce(tmp_path, Cores((), ()), requests=20, seed=1, peers=None, say=said.append)
    run.program = program
    results = run.go([row])
    (found,) = results.rows
    assert found.note == f"not measured: llm-edge ended during the row ({how})"
    assert found.last_lines == ["out of memory"]
    assert found.numbers == {}
    assert how in said[0]
    assert f"({how})\n\nWhat healthy/failover said last:\n\n    out of memory\n" in markdown(results)


def test_a_peer_that_is_not_installed(tmp_path: Path) -> None:
    """Is looked for once, and its rows say how to get it."""
    peers = [row for row in rows() if row.key in ("down/litellm", "healthy/litellm")]
    found = FaultRun(tmp_path, Cores((), ()), requests=20, seed=1, peers=None, say=lambda line: None).go(peers).rows
    assert [one.note for one in found] == [
        'not measured: LLM_EDGE_BENCH_PEERS names no directory; python -m venv litellm && litellm/bin/pip install "litellm[proxy]"'
    ] * 2


def test_the_bare_upstream_is_the_reference(tmp_path: Path) -> None:
    """A healthy upstream without a gateway adds next to nothing to itself; the reference is measured once for equal loads."""
    chosen = [row for row in rows() if row.key in ("healthy/direct", "down/direct", "refusing/direct")]
    run = FaultRun(tmp_path, Cores((), ()), requests=40, seed=1, peers=None, say=lambda line: None)
    healthy, down, refusing = run.go(chosen).rows
    assert abs(healthy.numbers["added_p50_ms"]) < 25
    assert (healthy.numbers["success"], down.numbers["success"], refusing.numbers["success"]) == (1, 0, 0)
    assert (healthy.attempts, down.numbers["most_calls"], refusing.numbers["most_calls"]) == (1, 1, 0)
    assert "added_p50_ms" not in down.numbers
