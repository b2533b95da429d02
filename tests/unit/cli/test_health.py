"""`llm-edge health`."""

import json
from pathlib import Path

import pytest

from proxy.cli.main import main
from tests.unit.cli.answering import answering


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LLM_EDGE_CONFIG", "HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)


def test_a_healthy_gateway_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    """The word and the version."""
    with answering(200, b'{"status":"healthy","version":"1.2"}') as (url, seen):
        assert main(["health", "--url", f"{url}/llm-gateway/"]) == 0
    assert capsys.readouterr().out == "healthy (version 1.2)\n"
    assert seen == [("/llm-gateway/health", None)]


def test_an_unhealthy_one_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """By its status code."""
    with answering(503, b'{"status":"draining"}') as (url, _):
        assert main(["health", "--url", url]) == 1
    assert capsys.readouterr().out == "draining\n"


def test_json_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    """As the gateway said it."""
    with answering(200, b'{"status":"healthy"}') as (url, _):
        assert main(["health", "--url", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"status": "healthy"}


@pytest.mark.parametrize("body", [b"<html>", b"[]"])
def test_another_servers_answer_is_recognised(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Not JSON, or no object."""
    with answering(404, body) as (url, _):
        assert main(["health", "--url", url]) == 1
    assert "not a gateway's answer" in capsys.readouterr().out


def test_silence_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """In both forms."""
    with answering(200, b"") as (url, _):
        pass
    assert main(["health", "--url", url]) == 1
    assert f"no answer from {url}" in capsys.readouterr().err
    assert main(["health", "--url", url, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "unreachable"


def test_the_configuration_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is enough, and the admin key goes along where health needs one."""
    with answering(200, b'{"status":"healthy"}') as (url, seen):
        monkeypatch.setenv("HOST", "0.0.0.0")
        monkeypatch.setenv("PORT", url.rpartition(":")[2])
        monkeypatch.setenv("LLM_EDGE_ADMIN_KEY", "adm")
        assert main(["health"]) == 0
        monkeypatch.setenv("AUTH_HEALTH_CHECK", "true")
        assert main(["health"]) == 0
        assert main(["health", "--url", url]) == 0
    assert seen == [("/health", None), ("/health", "adm"), ("/health", None)]
