"""`llm-edge doctor`."""

import json
from pathlib import Path

import pytest

from proxy.cli.main import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "REDIS_URL", "DATABASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_a_sound_surrounding_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    """A line a check."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nserver: {host: 127.0.0.1, port: 0, metrics_port: 0}\n")
    assert main(["doctor", "--config", "c.yaml"]) == 0
    assert capsys.readouterr().out.startswith("ok    python ")


def test_a_failed_check_is_1_with_all_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Further lines stand under the first."""
    Path("c.yaml").write_text("server: {prot: 1, hots: 2}\n")
    assert main(["doctor", "--config", "c.yaml"]) == 1
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert first.startswith("fail  config      c.yaml:1:10")
    assert second.startswith("                  c.yaml:1:19")


def test_machines_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same findings."""
    assert main(["doctor", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert not shown["ok"]
    assert {"check", "verdict", "text"} == set(shown["checks"][0])
