"""The fleet bench's arithmetic: windows, books and targets, from made-up runs."""

import argparse
from pathlib import Path

import pytest

from benchmarks.__main__ import parser
from benchmarks.fleet.bill import INPUT_NANOS, MAX_TOKENS, OUTPUT_NANOS, Charge, charge
from benchmarks.fleet.books import Comparison, Entry, Killed, by_key, compare, entry_of
from benchmarks.fleet.clients import Asked, Door, body_of
from benchmarks.fleet.command import plan_of, write
from benchmarks.fleet.gateways import nanos_of
from benchmarks.fleet.plan import Plan
from benchmarks.fleet.results import FleetResults, Phase, Spent
from benchmarks.fleet.targets import judge
from benchmarks.fleet.windows import Admitted, certain, over_time, seen, starts_apart
from benchmarks.machine import facts

MARK = "0" * 31 + "1"
OTHER = "0" * 31 + "2"


def test_a_window_holds_certainly_only_what_is_inside_with_both_bounds() -> None:
    admitted = [Admitted(0.0, 0.2), Admitted(1.0, 1.1), Admitted(59.9, 60.05), Admitted(61.0, 61.0)]
    assert certain(admitted, 60) == (2, 0.0)
    assert seen([one.arrived for one in admitted], 60) == (3, 0.2)
    assert certain(admitted, 60.1) == (3, 0.0)
    assert certain(admitted, 60, [61.0]) == (1, 61.0)


def test_windows_that_touch_an_outage_are_told_apart() -> None:
    admitted = [Admitted(float(at), at + 0.1) for at in (0, 30, 100, 140, 161)]
    assert starts_apart(admitted, 60, 95, 150) == ([0.0, 30.0, 161.0], [100.0, 140.0])


def test_the_plot_counts_the_minute_before() -> None:
    assert over_time([0.0, 1.0, 2.0], 2, 1, 0, 4) == [(0, 1), (1, 2), (2, 2), (3, 1), (4, 0)]


def test_what_is_billed_differs_from_the_estimate_by_half_to_twice() -> None:
    found = [charge(f"{n:032x}", 400, 0.0, 1, stream=False) for n in range(500)]
    assert 50 <= min(one.prompt for one in found) < 52 < 196 < max(one.prompt for one in found) <= 200
    assert 150 <= min(one.completion for one in found) < 155 < 590 < max(one.completion for one in found) <= 600
    assert max(charge(f"{n:032x}", 400, 0.0, 1, stream=False, most=256).completion for n in range(50)) == 256
    assert charge(MARK, 400, 0.0, 1, stream=False) == charge(MARK, 400, 0.0, 1, stream=False)


def test_a_request_says_its_mark() -> None:
    body = body_of(Door("load", "k"), MARK, stream=True)
    assert f"[ask {MARK}]".encode() in body
    assert b'"stream":true' in body
    assert str(MAX_TOKENS).encode() in body


def asked(mark: str = MARK, *, whole: bool = True, ended: float = 2.0) -> Asked:
    return Asked(mark, "load", 1, 1.0, ended, 200 if whole else 0, whole)


def billed(mark: str = MARK, nanos: int = 0) -> Charge:
    return Charge(mark, 1.1, nanos // INPUT_NANOS, 0)


def entry(mark: str = MARK, nanos: int | None = 0, status: str = "ok") -> Entry:
    return Entry(mark, mark, 1.0, "k", status, 200 if status == "ok" else 0, nanos)


KILLED = (Killed(1, 1.5, 1.6),)
NANOS = 3 * INPUT_NANOS


def test_books_that_agree() -> None:
    """Also of a request that died with its gateway: its record reserves at least what it cost."""
    found = compare(
        [asked(), asked(OTHER, whole=False)],
        [entry(nanos=NANOS), entry(OTHER, 9 * NANOS, "unknown")],
        [billed(nanos=NANOS), billed(OTHER, NANOS)],
        KILLED,
    )
    assert found == Comparison(
        requests=2,
        in_flight=1,
        entries=2,
        unknown=1,
        recorded_nanos=10 * NANOS,
        known_nanos=NANOS,
        reserved_nanos=9 * NANOS,
        billed_nanos=2 * NANOS,
        billed_known_nanos=NANOS,
        billed_unknown_nanos=NANOS,
    )


@pytest.mark.parametrize(
    ("requests", "entries", "charges", "killed", "wrong"),
    [
        ([asked()], [], [], (), "no record of a request"),
        ([asked()], [entry(), entry()], [], (), "more than one record of a request"),
        ([asked()], [entry(nanos=NANOS)], [billed()], (), "recorded other than billed"),
        ([asked()], [entry(nanos=None)], [], (), "a record without a cost"),
        ([asked()], [entry()], [billed(), billed()], (), "billed more than once"),
        ([asked(whole=False)], [entry()], [], (), "no whole answer"),
        ([asked(whole=False)], [], [billed(nanos=NANOS)], KILLED, "billed, and no record"),
        (
            [asked(whole=False)],
            [entry(nanos=0, status="unknown")],
            [billed(nanos=NANOS)],
            KILLED,
            "billed more than the unknown record reserves",
        ),
        ([asked(ended=1.1)], [entry(nanos=NANOS, status="unknown")], [], KILLED, "unknown, and its gateway was not killed under it"),
        ([], [entry()], [], (), "a record of nobody's request"),
        ([], [], [billed()], (), "billed, and nobody asked"),
    ],
)
def test_books_that_do_not_agree(
    requests: list[Asked], entries: list[Entry], charges: list[Charge], killed: tuple[Killed, ...], wrong: str
) -> None:
    found = compare(requests, entries, charges, killed)
    assert found.wrong == {wrong: 1}
    assert found.examples[0].startswith(wrong)


def test_records_as_the_api_and_the_store_have_them() -> None:
    """Defaults are left out there."""
    shown = entry_of({"id": "a", "at": "1970-01-01T00:00:01.500Z", "trace_id": MARK, "key_id": "k", "cost_nanos": 5})
    assert shown == entry_of({"id": "a", "at": 1.5, "trace_id": MARK, "key_id": "k", "cost_nanos": 5})
    assert (shown.at, shown.status, shown.http_status) == (1.5, "ok", 200)
    assert by_key([shown, shown]) == {"k": (2, 10)}
    assert nanos_of("12.000000345") == 12_000_000_345


def results() -> FleetResults:
    found = FleetResults("2026-11-26 07:00:00", facts(), {"limit": 60, "clients": 20, "overload": 2.0, "seed": 1})
    found.phases = [Phase("overload", 0.0, 10.0, {"200": 10, "429": 9})]
    found.numbers = {"burst_share": 1.0, "fullest_share": 1.01, "fullest": 61}
    found.spent = [Spent("rush", 100, recorded=99, billed=99, counter=99, requests=3, refused=1), Spent("spender", 100, counter=1)]
    found.events = {"gateway killed": 5.0}
    found.admitted = [(0.0, 1.0), (2.0, 5.0)]
    found.load_after = [0.0, 0.0, 0.0]
    return found


def test_targets_that_are_missed_are_said(tmp_path: Path) -> None:
    """And a cap that nobody reached is not measured."""
    words = {verdict.target.text: verdict.word for verdict in judge(results())}
    assert words["fullest minute that touches no outage of Redis"] == "NOT met"
    assert words["settled spend of the key whose cap is reached in a rush"] == "met"
    assert words["settled spend of the key whose cap is reached as Redis is gone"] == "not measured"
    assert words["neither 200 nor 402 nor 429 while nothing fails"] == "met"
    said: list[str] = []
    assert write(results(), tmp_path, said.append) == 2
    (directory,) = tmp_path.iterdir()
    assert {path.name for path in directory.iterdir()} == {"report.json", "report.md", "admitted.svg"}
    assert "NOT met" in (directory / "report.md").read_text()


def plan(*words: str) -> Plan:
    args: argparse.Namespace = parser().parse_args(["fleet", *words])
    return plan_of(args)


def test_the_command_line() -> None:
    assert plan() == Plan()
    assert plan("--smoke").overload_s == 10
    assert plan("--smoke", "--overload-s", "60", "--limit", "600").rate == 20
    for words in (["--overload-s", "1"], ["--outage-s", "9999"], ["--limit", "1"], ["--clients", "3"]):
        with pytest.raises(SystemExit):
            plan(*words)
    assert OUTPUT_NANOS > INPUT_NANOS
