"""The command that finds a threshold."""

import asyncio
import json
from pathlib import Path

import pytest

from proxy.cache.semantic.calibration import THRESHOLDS, Pair, rates
from proxy.cli.cache import read_pairs, score
from proxy.cli.main import main
from proxy.settings import Settings
from tests.support.require import require

SETS = Path(__file__).parents[3] / "benchmarks" / "semantic"
PAIRS = SETS / "pairs.jsonl"
SECOND = SETS / "pairs_second.jsonl"
THIRD = SETS / "pairs_third.jsonl"
HARD = SETS / "hard_negatives.jsonl"


@pytest.fixture(autouse=True)
def _local_model() -> None:
    require("wordllama", "a local embedding model (requirements of the test extra)")


@pytest.mark.parametrize("pairs", [PAIRS, SECOND, THIRD], ids=["first", "second", "third"])
def test_the_labelled_sets_are_calibrated(pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fitted on one half, reported on the other: at most 1 % of the wrong ones hit, at least half of the paraphrases."""
    assert main(["cache", "calibrate", str(pairs), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["fitted_on"] + result["reported_on"] >= 200
    assert result["reported"]["threshold"] == result["fitted"]["threshold"]
    assert result["reported"]["wrong_hit_rate"] <= 0.01
    assert result["reported"]["hit_rate"] >= 0.5
    assert result["reported"]["unguarded_wrong_hit_rate"] > 0.3


def test_the_second_set_says_how_finely_it_measures(capsys: pytest.CaptureFixture[str]) -> None:
    """More than 100 negatives in the reporting half, so that one of them is less than 1 %; and the interval."""
    assert main(["cache", "calibrate", str(SECOND), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["reported_others"] > 100
    low, high = result["wrong_interval"]
    assert low <= result["reported"]["wrong_hit_rate"] <= high < 0.05


@pytest.mark.parametrize(("pairs", "hits"), [(SECOND, 0.45), (THIRD, 0.6)], ids=["second", "third"])
def test_the_default_threshold_holds_on_a_whole_set(pairs: Path, hits: float) -> None:
    """Both halves, with what is shipped."""
    threshold = Settings.of(providers={"echo": {"kind": "echo"}}).cache.semantic.threshold
    scored = asyncio.run(score(read_pairs(pairs), None))
    at = rates(scored, threshold)
    assert at.wrong_hit_rate <= 0.01
    assert at.hit_rate >= hits


def test_pairs_written_against_the_guards_stay_apart() -> None:
    """At the lowest threshold that calibration knows; two of them are not told apart."""
    at = rates(asyncio.run(score([*read_pairs(HARD), Pair("Is it so?", "Is it so?", same=True)], None)), THRESHOLDS[0])
    assert at.wrong_hit_rate <= 0.01


def test_different_questions_do_not_hit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each question of the set against every fifth other: thousands of pairs that nobody wrote to be near, and at most 1 in 1000 hits."""
    questions = list(dict.fromkeys(json.loads(line)["a"] for line in PAIRS.read_text(encoding="utf-8").splitlines()))
    lines = [{"a": a, "b": b, "same": False} for i, a in enumerate(questions) for b in questions[i + 1 :: 5]]
    lines += [{"a": q, "b": q, "same": True} for q in questions]
    file = tmp_path / "cross.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert main(["cache", "calibrate", str(file), "--json"]) == 0
    curve = {row["threshold"]: row for row in json.loads(capsys.readouterr().out)["curve"]}
    assert len(lines) > 2000
    assert curve[0.7]["wrong_hit_rate"] <= 0.001


def test_the_table_says_what_to_configure(capsys: pytest.CaptureFixture[str]) -> None:
    """For people."""
    assert main(["cache", "calibrate", str(PAIRS)]) == 0
    text = capsys.readouterr().out
    assert "reported on" in text
    assert "cache: {semantic: {enabled: true, threshold: 0." in text


def test_the_embedder_of_a_configuration_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Here the echo provider, whose vectors know nothing: nothing hits."""
    config = tmp_path / "config.yaml"
    config.write_text("providers: {echo: {kind: echo}}\ncache: {semantic: {embedder: echo/echo-embed}}\n", encoding="utf-8")
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(PAIRS.read_text(encoding="utf-8").splitlines()[::5]), encoding="utf-8")
    assert main(["cache", "calibrate", str(file), "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reported"]["wrong_hit_rate"] <= 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": "x", "b": "y"}', ":1: "),
        ('\n{"a": "x", "b": "y", "same": true, "sort": 1}', ":2: "),
        ('{"a": "What is it now?", "b": "What is it now?", "same": true}', "too few pairs"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    """And no traceback."""
    file = tmp_path / "pairs.jsonl"
    file.write_text(text, encoding="utf-8")
    assert main(["cache", "calibrate", str(file)]) == 1
    assert said in capsys.readouterr().err


def test_an_unknown_embedder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the gateway would name it at its start."""
    config = tmp_path / "config.yaml"
    config.write_text("providers: {echo: {kind: echo}}\ncache: {semantic: {embedder: nobody/m}}\n", encoding="utf-8")
    assert main(["cache", "calibrate", str(PAIRS), "--config", str(config)]) == 1
    assert 'no provider "nobody"' in capsys.readouterr().err
