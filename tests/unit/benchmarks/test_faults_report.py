"""Numbers, targets and report of the fault bench, from made-up rows."""

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.__main__ import parser
from benchmarks.faults.client import Asked
from benchmarks.faults.command import SMOKE, chosen, faults, write
from benchmarks.faults.report import markdown, plots
from benchmarks.faults.results import FaultResults, RowResult, numbers_of, share_by_time
from benchmarks.faults.rows import Row
from benchmarks.faults.run import FaultRun, brief
from benchmarks.faults.targets import TARGETS, judge
from benchmarks.faults.wire import WireCall
from benchmarks.machine import facts

MS = 1_000_000


def answered(i: int, taken_ms: float, **more: object) -> Asked:
    found = Asked(f"r{i}", False, due_ns=MS, first_ns=0, ended_ns=round((taken_ms + 1) * MS), status=200, verdict="ok")
    for name, value in more.items():
        setattr(found, name, value)
    return found


def called(i: int, member: str = "a", **more: object) -> WireCall:
    found = WireCall(i, member, f"r{i}", False, i * 10 * MS, completed=True)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def row(key: str, *, hedges: bool = False, attempts: int = 3, note: str = "", **numbers: float) -> RowResult:
    asked = [answered(i, 10.0 * i, tries=1) for i in range(1, 11)]
    calls = [called(i) for i in range(1, 11)]
    scenario, variant = key.split("/")
    found = RowResult(scenario, "llm-edge", variant, about="x", note=note, attempts=attempts, hedges=hedges)
    found.load = {"requests": 10, "rate": 100.0}
    found.numbers = {} if note else {**numbers_of(asked, calls, attempts=attempts, faulty=frozenset("a")), **numbers}
    return found


def results(*rows: RowResult) -> FaultResults:
    found = FaultResults("now", facts(), "not pinned", seed=4, requests=10, version="llm-edge 0", rows=list(rows))
    for one in rows:
        found.scenarios[one.scenario] = {
            "title": "what happens",
            "members": ["a: 30 ms"],
            "requests": 10,
            "rate": 100.0,
            "stream_share": 0.5,
            "limit_s": 10.0,
        }
    return found


def words(found: FaultResults) -> dict[str, str]:
    return {verdict.target.text: verdict.word for verdict in judge(found)}


def test_numbers() -> None:
    """Success, latencies of what was ok, what was added, and the shares of the requests."""
    asked = [
        answered(1, 10),
        answered(2, 30, verdict="refused"),
        answered(3, 20, stream=True, first_ns=6 * MS),
        answered(4, 1, verdict="cut"),
    ]
    asked[0].tries, asked[1].tries = 1, 3
    calls = [called(1), called(1, "b"), called(2, completed=False, act="refusal", status=429), called(3, "shadow")]
    found = numbers_of(asked, calls, attempts=1, shadows=frozenset({"shadow"}), faulty=frozenset("a"), reference={"p50_ms": 4.0})
    assert (found["success"], found["untruthful"], found["wasted_share"], found["told_wasted_share"]) == (0.5, 1, 0.25, 0.5)
    assert (found["p50_ms"], found["p99_ms"], found["added_p50_ms"], found["first_p50_ms"]) == (10, 20, 6, 5)
    assert "added_p99_ms" not in found
    assert (found["duplicates"], found["at_faulty"], found["shadow_calls"], found["throttled"], found["over"]) == (1, 2, 1, 1, 1)


def test_numbers_of_nothing() -> None:
    """A row where all failed has no latencies, and no division fails."""
    found = numbers_of([], [], attempts=1)
    assert (found["success"], found["per_request"]) == (0, 0)
    assert "p50_ms" not in found


def test_share_by_time() -> None:
    """Of the calls of each twentieth, those at the member that fails."""
    calls = [called(i, "a" if i < 5 else "b") for i in range(11)]
    assert share_by_time(calls, frozenset("a"), 0.1, steps=2) == [(0.025, 1.0), (0.075, 0.0)]
    assert share_by_time([], frozenset("a"), 1.0) == []


@pytest.mark.parametrize(
    ("rows", "text", "word"),
    [
        ([row("down/failover")], "success with one of three", "met"),
        ([row("down/failover"), row("flapping/latency", success=0.998)], "success with one of three", "NOT met"),
        ([row("down/no-breaker", success=0.5)], "success with one of three", "not measured"),
        ([row("down/failover-2", attempts=2, success=0.5)], "the same with attempts: 2", "NOT met"),
        ([row("down/failover", wasted_share=0.04)], "wasted calls", "met"),
        ([row("refusing/failover", told_wasted_share=0.06)], "wasted calls", "NOT met"),
        ([row("tail/failover", first_p99_ms=100), row("tail/failover-hedged", hedges=True, first_p99_ms=59)], "p99 to the first", "met"),
        (
            [row("tail/failover", first_p99_ms=100), row("tail/failover-hedged", hedges=True, first_p99_ms=61)],
            "p99 to the first",
            "NOT met",
        ),
        ([row("tail/latency-hedged", hedges=True, first_p99_ms=61)], "p99 to the first", "not measured"),
        ([row("tail/failover-hedged", hedges=True, wasted_share=0.051)], "extra calls", "NOT met"),
        ([row("healthy/failover", after_first_byte=1)], "calls after the first byte", "NOT met"),
        ([row("cut/continued", after_first_byte=1)], "calls after the first byte", "not measured"),
        ([row("exact/attempts-2", off=0)], "requests with other than", "met"),
        ([row("healthy/failover", over=1)], "requests with more than", "NOT met"),
        ([row("tail/x-hedged", hedges=True, duplicates=3)], "answers billed twice", "not measured"),
        ([row("healthy/failover", untruthful=1)], "answers that do not tell", "NOT met"),
        ([row("all-down/budget", calls=22)], "calls with all down", "met"),
        ([row("all-down/budget", calls=23)], "calls with all down", "NOT met"),
        ([row("down/failover", at_faulty=4), row("down/no-breaker", at_faulty=100)], "calls at a dead target", "met"),
        ([row("shadow/shadow", shadow_calls=10), row("shadow/no-shadow")], "requests that were copied", "met"),
        ([row("shadow/shadow", p50_ms=53), row("shadow/no-shadow")], "added by the shadow", "NOT met"),
        ([row("context/fallback", success=1.0)], "success with context-window", "met"),
        ([row("down/failover", note="not in this version: x")], "success with one of three", "not measured"),
    ],
)
def test_targets(rows: list[RowResult], text: str, word: str) -> None:
    """The worst row of those that a target is about decides; rows without numbers are no answer."""
    (target,) = [target for target in TARGETS if target.text.startswith(text)]
    assert words(results(*rows))[target.text] == word


def test_slow_start_is_compared() -> None:
    """Calls at the recovered member in the quarter after its recovery, with against without."""

    def recovering(key: str, share: float) -> RowResult:
        found = row(key)
        found.share_by_time = [(0.01, 1.0), (0.03, share), (0.04, share), (0.06, 1.0)]
        return found

    text = "calls at a target that has just recovered, slow start on against off"
    assert words(results(recovering("recovery/slow-start", 0.1), recovering("recovery/at-once", 0.3)))[text] == "met"
    assert words(results(recovering("recovery/slow-start", 0.3), recovering("recovery/at-once", 0.3)))[text] == "NOT met"


def test_report_shape(tmp_path: Path) -> None:
    """Load, seed, distributions, targets and reasons stand in it, and the JSON reads back as what was written."""
    found = results(row("down/failover"), row("down/hybrid", note="not in this version: no such thing"), row("recovery/at-once"))
    found.rows[2].share_by_time = [(1.0, 0.5)]
    text = markdown(found)
    for part in (
        "seed 4",
        "10 requests at 100/s, 50% streams",
        "- a: 30 ms\n\n| way |",
        "**failover** (x)",
        "| 1 of 3 |",
        "down/hybrid: not in this",
    ):
        assert part in text
    assert all(verdict.target.text in text for verdict in judge(found))
    assert set(plots(found)) == {"latency", "failures", "wasted", "recovery"}
    said: list[str] = []
    assert write(found, tmp_path, said.append) == 0
    (directory,) = tmp_path.iterdir()
    assert sorted(path.name for path in directory.iterdir()) == [
        "failures.svg",
        "latency.svg",
        "recovery.svg",
        "report.json",
        "report.md",
        "wasted.svg",
    ]
    read = FaultResults.read(directory / "report.json")
    assert read.number("down/failover", "success") == 1.0
    assert read.row("down/hybrid") is None
    assert len(said) == len(TARGETS) + 1


def test_a_line_of_progress() -> None:
    """It warns of what must not be."""
    assert brief(row("down/failover")).startswith("100.00% ok, p50 50 ms, p99 100 ms, 1.000 calls a request")
    told = brief(row("down/failover", untruthful=2, after_first_byte=1))
    assert told.endswith("2 untruthful, 1 calls after the first byte")


def options(*argv: str) -> argparse.Namespace:
    return parser().parse_args(["faults", *argv])


def test_choosing_rows() -> None:
    """By scenario or row, and by system; --smoke has its own unless others are named."""
    assert [one.key for one in chosen(options("--smoke"))] == list(SMOKE)
    assert {one.scenario.key for one in chosen(options("--only", "down, tail/failover"))} == {"down", "tail"}
    assert {one.system for one in chosen(options("--systems", "direct,litellm"))} == {"direct", "litellm"}


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--only", "dwon"], "no such row: dwon"),
        (["--systems", "nginx"], "no such system: nginx"),
        (["--only", "hangs", "--systems", "direct"], "no row is left"),
        (["--requests", "3"], "a row has 20 to"),
    ],
)
def test_what_cannot_be_run(argv: list[str], text: str, tmp_path: Path) -> None:
    """A name that matches nothing, and a row too short to say anything, end with the reason."""
    with pytest.raises(SystemExit, match=text):
        faults(options(*argv), tmp_path, lambda line: None)


def test_listing(tmp_path: Path) -> None:
    """Rows with their scenario, and the reason of those that this version lacks; nothing runs."""
    said: list[str] = []
    assert faults(options("--list"), tmp_path, said.append) == 0
    assert any(line.startswith("down/failover ") and "answers 503" in line for line in said)
    assert list(tmp_path.iterdir()) == []


def test_what_ends_a_run_does_not_take_its_rows_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, or Ctrl-C, after an hour: the report of what was measured is written, and the run still ends by it."""
    measured: list[str] = []

    def row(self: FaultRun, up: object, row: Row) -> RowResult:
        if measured:
            raise KeyboardInterrupt
        measured.append(row.key)
        return RowResult(row.scenario.key, row.system, row.variant.key, note="made up")

    monkeypatch.setattr(FaultRun, "_row", row)
    with pytest.raises(KeyboardInterrupt):
        faults(options("--only", "down", "--requests", "20", "--out", str(tmp_path)), tmp_path, lambda line: None)
    (report,) = tmp_path.glob("faults-*/report.json")
    assert [one["variant"] for one in json.loads(report.read_text())["rows"]] == [measured[0].partition("/")[2]]
