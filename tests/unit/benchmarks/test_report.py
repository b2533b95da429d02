"""Verdicts, Markdown and plots from given results."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.plan import full, quick
from benchmarks.report import cell, markdown, plot
from benchmarks.results import Results, SystemResult
from benchmarks.scenarios import BASIC, GOVERNED, GOVERNED_REDIS, US, scenarios, wanted
from benchmarks.stats import Spread
from benchmarks.svg import Line, bars, lines, short
from benchmarks.targets import TARGETS, judge


def system(cpu: float, chunk: float, **more: float) -> SystemResult:
    latencies = {"p50_us": 100.0, "p95_us": 200.0, "p99_us": 300.0}
    passes = [{"cpu_us": cpu * factor, "rps": 1e6 / cpu, **latencies} for factor in (0.9, 1.0, 1.1)]
    streamed = {"cpu_us": chunk, "whole": 1.0, "behind": 0.01, "first_token_p50_us": 150.0, "chunk_p50_us": 50.0}
    return SystemResult(
        version="1",
        governance="off",
        ready_s=[0.9, 0.5, 0.7],
        idle_rss_mb=[60.0],
        peak_rss_mb=70.0,
        measures={
            "closed/small/1": passes,
            "closed/small/32": passes,
            "closed/10k/32": passes,
            "stream": [streamed],
            "open/50": [{"added_p50_us": 10.0, "added_p95_us": 20.0, "added_p99_us": 30.0}],
            **{key: [{name: value}] for key, name, value in (("lookup", "lookup_p99_us", more.get("lookup", 50.0)),)},
        },
    )


def results() -> Results:
    machine = {
        "cpu": "C",
        "cores": 2,
        "memory_mb": 1,
        "kernel": "k",
        "os": "o",
        "python": "3",
        "packages": {},
        "load_average": [0.1, 0.2, 0.3],
    }
    found = Results(started="now", machine=machine, pinning="pinned", plan=full(3).as_dict(), streams_upstream="C", load_after=[0.0])
    found.systems = {"direct": system(0.0001, 0.0), "nginx": system(25, 20), US: system(140, 39)}
    found.skipped = {"litellm": "not installed\nmore"}
    return found


def test_verdicts() -> None:
    """A target is met, missed or not measured, by the medians of the run."""
    by_text = {verdict.target.text: verdict for verdict in judge(results())}
    nginx = by_text["CPU of a pass-through request against nginx"]
    assert nginx.value == pytest.approx(5.6)
    assert nginx.word == "met"
    assert by_text["time to ready, median"].value == 0.7
    assert by_text["resident memory of a worker at rest"].met
    assert by_text["CPU of a pass-through request against LiteLLM"].word == "not measured"
    assert by_text["requests/s of two workers against one"].met is None


def test_missed_target() -> None:
    """A number beyond its limit says so, for limits from below as well."""
    found = results()
    found.systems[US] = system(200, 39, lookup=250.0)
    found.systems[US].measures["workers"] = [{"scaling": 1.5}]
    words = {verdict.target.text: verdict.word for verdict in judge(found)}
    assert words["L1 look-up, p99"] == "NOT met"
    assert words["CPU of a pass-through request against nginx"] == "NOT met"
    assert words["requests/s of two workers against one"] == "NOT met"


def test_targets_name_scenarios_that_exist() -> None:
    """No target reads a scenario that is never run: each is measured when every scenario has every number."""
    keys = {scenario.key for scenario in scenarios(full(3))} | {"workers"}
    everything = {key: [dict.fromkeys(("cpu_us", "lookup_p99_us", "added_p95_us", "lag_p99_ms", "scaling"), 1.0)] for key in keys}
    found = results()
    for name in ("nginx", US, BASIC, "llm-edge-l2", GOVERNED, GOVERNED_REDIS, "tensorzero", "litellm"):
        found.systems[name] = SystemResult(ready_s=[1.0], idle_rss_mb=[1.0], measures=everything)
    assert [verdict.target.text for verdict in judge(found) if verdict.value is None] == []
    assert len(TARGETS) == len(judge(found))


def test_markdown() -> None:
    """The report has the machine, the spread, the ratio, and one line for each thing that is missing."""
    text = markdown(results())
    assert "| llm-edge | 1 | off | 140 (126-154) | 5.60 |" in text
    assert "met" in text
    assert "- litellm: not installed\n" in text
    assert "more" not in text.split("## Not measured")[1]


def test_everything_measured() -> None:
    """Without gaps the report says so."""
    found = results()
    found.skipped = {}
    assert "Everything was." in markdown(found)


def test_json_round_trip(tmp_path: Path) -> None:
    """What is written can be read again."""
    found = results()
    found.write(tmp_path / "r.json")
    assert Results.read(tmp_path / "r.json") == found


def test_plot_is_svg() -> None:
    """The plot is well-formed and shows each system that has numbers."""
    root = ET.fromstring(plot(results()))
    texts = [element.text for element in root.iter() if element.text]
    assert texts.count("llm-edge") == 4
    assert root.tag.endswith("svg")


def test_empty_plots() -> None:
    """No data makes an empty plot, not an error."""
    assert ET.fromstring(bars("t", [])) is not None
    assert ET.fromstring(lines("t", "x", "y", [Line("a", [])])) is not None


def test_lines() -> None:
    """Each series is a line, its name escaped."""
    text = lines("t", "x", "y", [Line("a<b", [(0.0, 1.0), (1.0, 2.0)])])
    assert "a&lt;b" in text
    assert text.count("<polyline") == 1


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (12345.6, "12,346"), (12.345, "12.3"), (0.01234, "0.0123"), (float("nan"), "-")])
def test_short(value: float, text: str) -> None:
    """Numbers have three significant digits."""
    assert short(value) == text


def test_cell() -> None:
    """A spread without a range is one number."""
    assert cell(Spread(2.0, 1.0, 3.0)) == "2.00 (1.00-3.00)"
    assert cell(Spread(2.0, 2.0, 2.0)) == "2.00"
    assert cell(None) == "-"


def test_wanted() -> None:
    """Scenarios are chosen by whole parts of their key."""
    assert wanted("open/50", [])
    assert wanted("open/50", ["open"])
    assert wanted("open/500", ["open/500"])
    assert not wanted("open/500", ["open/50"])


def test_scenarios_are_distinct() -> None:
    """No two scenarios share a key, in either plan."""
    for plan in (full(3), quick(1)):
        keys = [scenario.key for scenario in scenarios(plan)]
        assert len(keys) == len(set(keys))
