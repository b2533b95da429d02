"""The fault bench on real processes, as small as can be: the command runs two rows and writes its report."""

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.faults.results import FaultResults


def test_two_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With one target that is down nothing succeeds; with three everything does, each request with one call beyond the first at most,
    none after the first byte, and the report has the load, the script and the judgement."""
    assert main(["faults", "--smoke", "--requests", "30", "--seed", "3", "--out", str(tmp_path)]) == 0
    (directory,) = tmp_path.iterdir()
    found = FaultResults.read(directory / "report.json")
    one, failover = found.rows
    assert (one.key, failover.key, one.note, failover.note) == ("down/one", "down/failover", "", "")
    assert one.numbers["success"] == 0
    assert set(one.verdicts) == {"refused"}
    assert failover.numbers["success"] == 1
    assert failover.verdicts == {"ok": 30}
    assert 30 < failover.numbers["calls"] <= 60
    assert failover.numbers["duplicates"] == failover.numbers["after_first_byte"] == failover.numbers["over"] == 0
    assert "added_p50_ms" in failover.numbers
    assert failover.load["seed"] == 3
    text = (directory / "report.md").read_text()
    assert "503 server_error" in text
    assert "| success with one of three down or flapping, worst strategy | ≥ 99.9 % | 100.00 % | met |" in text
    assert "[2/2" in capsys.readouterr().out
