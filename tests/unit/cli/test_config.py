"""`llm-edge config`."""

import json
import stat
from pathlib import Path

import pytest

from proxy.cli.main import main

CANARY = "sk-canary-7f3a9c2e41d8b650"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "PORT", "HOST", "API_KEYS"):
        monkeypatch.delenv(name, raising=False)


def test_the_sample_passes_its_own_check(capsys: pytest.CaptureFixture[str]) -> None:
    """It is written privately: people will put keys into it."""
    assert main(["config", "init"]) == 0
    assert stat.S_IMODE(Path("config.yaml").stat().st_mode) == 0o600
    assert main(["config", "check", "config.yaml"]) == 0
    assert "config.yaml: ok (digest " in capsys.readouterr().out


def test_the_commented_parts_of_the_sample_pass_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a comment away gets a valid file."""
    assert main(["config", "init", "-"]) == 0
    text = capsys.readouterr().out
    wanted = (
        "  # static_keys",
        "  # signing_secret",
        "  # redis",
        "  # openai:",
        "  # anthropic:",
        "  # local:",
        "  # trusted_proxies",
        "  # cors",
        "  # tracing",
    )
    lines = []
    for line in text.splitlines():
        if line.startswith(wanted):
            lines.append(line.replace("# ", "", 1))
        elif line.startswith(("# models:", "# prices:", "#   ")):
            lines.append(line.removeprefix("# "))
        else:
            lines.append(line)
    Path("all.yaml").write_text("\n".join(lines))
    for name in ("API_KEYS", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.setenv("API_KEY_SIGNING_SECRET", "s" * 32)
    monkeypatch.setenv("REDIS_URL", "redis://h/0")
    assert main(["config", "check", "all.yaml"]) == 0, capsys.readouterr().err


def test_an_existing_file_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --force is given."""
    Path("mine.yaml").write_text("mine")
    assert main(["config", "init", "mine.yaml"]) == 1
    assert Path("mine.yaml").read_text() == "mine"
    assert "mine.yaml exists" in capsys.readouterr().err
    assert main(["config", "init", "mine.yaml", "--force"]) == 0
    assert "providers:" in Path("mine.yaml").read_text()


def test_check_names_every_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """As text on standard error."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nserver: {prot: 1, port: x}\n")
    assert main(["config", "check", "c.yaml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "c.yaml:2:19: server.port: must be a valid integer, unable to parse string as an integer",
        'c.yaml:2:10: server.prot: unknown key; did you mean "port"?',
    ]


def test_check_has_a_form_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """Both for good and for bad."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nserver: {prot: 1}\n")
    assert main(["config", "check", "c.yaml", "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert shown["problems"] == [{"where": "c.yaml:2:10", "path": "server.prot", "message": 'unknown key; did you mean "port"?'}]
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nlimits: {default: {rpm: 1}}\n")
    assert main(["config", "check", "c.yaml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"]
    assert shown["not_yet"][0].startswith("limits: ")


def test_check_notes_what_has_no_effect(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no mistake."""
    Path("c.yaml").write_text("providers: {echo: {kind: echo}}\nlimits: {default: {rpm: 1}}\n")
    assert main(["config", "check", "c.yaml"]) == 0
    assert capsys.readouterr().out.startswith("note: limits: not available yet")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_show_hides_secrets(form: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In both forms; it needs no provider."""
    monkeypatch.setenv("API_KEYS", CANARY)
    monkeypatch.setenv("REDIS_URL", f"redis://:{CANARY}@h/0")
    assert main(["config", "show", *form]) == 0
    shown = capsys.readouterr().out
    assert CANARY not in shown
    assert "environment API_KEYS" in shown


def test_docs_prints_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/configuration.md is its output."""
    assert main(["config", "docs"]) == 0
    assert capsys.readouterr().out.startswith("# Configuration\n")
