"""`llm-edge bench`."""

import sys
from pathlib import Path

import pytest

from proxy.cli.main import main


def forget_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)


def test_without_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The benchmarks are not in the wheel."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" in entry or "lib/python" in entry])
    forget_benchmarks(monkeypatch)
    assert main(["bench"]) == 1
    assert "source checkout" in capsys.readouterr().err


def test_arguments_are_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """To the `benchmarks` of the working directory."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("")
    (tmp_path / "benchmarks" / "__main__.py").write_text("import sys\nprint(sys.argv[1:])\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    forget_benchmarks(monkeypatch)
    assert main(["bench", "--", "--passes", "3"]) == 0
    assert capsys.readouterr().out == "['--passes', '3']\n"
