"""`llm-edge routes explain`."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.main import main
from tests.unit.cli.answering import answering

CONFIG = """
providers:
  openai: {kind: openai, api_keys: [sk-1]}
  anthropic: {kind: anthropic, api_keys: [sk-2]}
models:
  smart:
    strategy: cost
    targets:
      - {provider: anthropic, model: claude-sonnet-4-5, region: eu}
      - {provider: openai, model: gpt-4o, region: us, weight: 2}
      - {provider: openai, model: gpt-3.5-turbo, region: us}
      - {provider: openai, model: nobody-knows, region: us}
  "*":
    targets: [{provider: openai}]
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.setenv("LLM_EDGE_CONFIG", "config.yaml")


def explain(*arguments: str) -> int:
    return main(["routes", "explain", *arguments])


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    explain(*arguments, "--json")
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_prints_who_why_and_why_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Ordered, with prices; who was left out with the reason."""
    assert explain("smart", "--tokens", "2000", "--needs", "vision", "--sticky", "ada", "--whole") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:5] == [
        "model smart",
        "strategy cost",
        "request 2000 + 256 tokens, whole answer, needs vision, sticky ada",
        "chosen openai/gpt-4o",
        "because 0.007560 < 0.009840 USD for about 2000 + 256 tokens",
    ]
    assert lines[6:] == [
        "TARGET WEIGHT PRIO IN $/MTOK OUT $/MTOK EST. $ TTFT TOK/S OK BUSY WHY",
        "1 openai/gpt-4o 2 0 2.5 10 0.007560 - - 100% 0",
        "2 anthropic/claude-sonnet-4-5 1 0 3 15 0.009840 - - 100% 0",
        "3 openai/nobody-knows 1 0 ? ? ? - - 100% 0",
        "- openai/gpt-3.5-turbo 1 0 0.5 1.5 0.001384 - - 100% 0 no vision",
    ]


def test_with_nobody_left_it_is_1_and_says_what_the_client_gets(capsys: pytest.CaptureFixture[str]) -> None:
    """Status and code."""
    assert explain("smart", "--tags", "region=ap") == 1
    assert "chosen    none, the client gets 400 no_target_with_tags" in capsys.readouterr().out


def test_every_part_of_a_request_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    """And is taken as the admin API takes it."""
    asked = as_json(
        capsys, "smart", "--prompt", "Hello", "--output", "7", "--strategy", "round-robin", "--tags", "region=us", "--header", "a=b"
    )
    assert asked["strategy"] == "round_robin"
    assert asked["request"] == {
        "prompt_tokens": 2,
        "output_tokens": 7,
        "needs": [],
        "tags": ["region=us"],
        "sticky": None,
        "stream": True,
    }
    assert [one["target"] for one in asked["order"]] == ["openai/gpt-4o", "openai/gpt-3.5-turbo", "openai/nobody-knows"]


def test_a_name_behind_a_pattern_shows_its_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """As a client would ask."""
    assert explain("gpt-4.1") == 0
    assert capsys.readouterr().out.startswith("model     gpt-4.1 (entry *)\n")


def test_a_guess_is_warned_of(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Where no table says what a name means."""
    (tmp_path / "config.yaml").write_text("providers: {openai: {kind: openai, api_keys: [sk-1]}}")
    assert explain("llama") == 0
    assert capsys.readouterr().err.startswith("warning: no provider is known for this model's name")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("smart", "--needs", "wings"), "unknown need 'wings'"),
        (("smart", "--strategy", "wieghted"), "Nearest: weighted."),
        (("smart", "--header", "x"), "header must be NAME=VALUE"),
    ],
)
def test_what_makes_no_sense_is_one_line(arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback."""
    assert explain(*arguments) == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


DECISION: dict[str, Any] = {
    "entry": "smart",
    "strategy": "latency",
    "chosen": "a/m",
    "reason": "0.2 s",
    "refusal": None,
    "warning": None,
    "request": {"prompt_tokens": 0, "output_tokens": 256, "needs": [], "tags": [], "sticky": None, "stream": True},
    "order": [
        {
            "target": "a/m", "weight": 1.0, "priority": 0, "input_usd_per_mtok": None, "output_usd_per_mtok": None, "estimated_usd": None,
            "first_token_s": 0.2, "tokens_per_s": 40.0, "success_rate": 0.97, "in_flight": 3, "rests": "throttled, for 2.0 s yet",
        }
    ],
    "rejected": [],
}  # fmt: skip


def test_a_running_gateway_says_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked with what was given; names are escaped."""
    with answering(200, json.dumps({"name": "smart", "decision": DECISION}).encode()) as (url, seen):
        assert explain("a/b c", "--url", url, "--timeout-s", "30", "--key", "k", "--needs", "vision") == 0
    assert seen[0][0] == "/v1/admin/routes/a%2Fb%20c?needs=vision"
    assert "0.20 s  40     97%  3     throttled, for 2.0 s yet" in capsys.readouterr().out


def test_the_key_can_come_in_by_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is sent as one on the command line is."""
    monkeypatch.setattr("sys.stdin", io.StringIO("admin-key\n"))
    with answering(200, json.dumps({"decision": DECISION}).encode()) as (url, seen):
        assert explain("smart", "--url", url, "--key", "-") == 0
        assert explain("smart", "--url", url, "--key", "other") == 0
    assert [key for _, key in seen] == ["admin-key", "other"]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (403, b'{"code":"HTTP_403","message":"Admin role required"}', "the gateway answered 403: Admin role required"),
        (404, b'{"error":{"message":"no such path"}}', "the gateway answered 404: no such path"),
        (200, b"[]", "the gateway answered 200: no decision"),
        (502, b"<html>", "the gateway answered 502: no decision"),
    ],
)
def test_what_is_no_decision_is_said(status: int, body: bytes, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In the gateway's own words, where it has any."""
    with answering(status, body) as (url, _):
        assert explain("smart", "--url", url, "--timeout-s", "30") == 1
    assert capsys.readouterr().err == f"llm-edge routes: {says}\n"
