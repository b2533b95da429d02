"""`llm-edge metrics`."""

import pytest

from proxy.cli.main import main, main_agent
from tests.unit.cli.answering import answering


def test_metrics_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """By both commands."""
    with answering(200, b"x_total 1\n") as (url, seen):
        assert main(["metrics", "--url", url]) == 0
        assert main_agent(["metrics", "--url", url]) == 0
    assert capsys.readouterr().out == "x_total 1\n" * 2
    assert [path for path, _ in seen] == ["/metrics", "/metrics"]


def test_a_refusal_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """With its beginning."""
    with answering(404, b"off") as (url, _):
        assert main(["metrics", "--url", url]) == 1
    assert capsys.readouterr().err == "HTTP 404: off\n"
