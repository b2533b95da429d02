"""scripts/run and scripts/test on machines that lack something, with a stand-in for python3 that only records what it is asked."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT

PYTHON_STAND_IN = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
    *'import venv'*) exit ${NO_VENV:-0} ;;
    '-m venv --clear .venv')
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        printf '#!/bin/sh\\necho started "$@"\\n' >.venv/bin/llm-edge
        chmod +x .venv/bin/llm-edge ;;
    '- '*) exec "$REAL_PYTHON" "$@" ;;
    *'pip '*parts.lock) exit ${NO_PARTS:-0} ;;
    *pytest*) exit ${PYTEST_EXIT:-0} ;;
esac
"""


@dataclass
class Machine:
    """A checkout and the few commands of a bare machine."""

    checkout: Path
    tools: Path

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": str(self.tools), "CALLS": str(self.checkout / "calls"), "REAL_PYTHON": sys.executable, "LC_ALL": "C"}
        return subprocess.run(
            [str(self.checkout / script), *arguments], env=variables | environment, capture_output=True, text=True, check=False, timeout=60
        )

    def calls(self) -> list[str]:
        """What python was asked since the last look."""
        log = self.checkout / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def pip_calls(self) -> list[str]:
        return [line for line in self.calls() if "-m pip" in line]

    def add(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    checkout, tools = tmp_path / "checkout", tmp_path / "tools"
    tools.mkdir()
    for folder in ("scripts", "requirements"):
        shutil.copytree(ROOT / folder, checkout / folder)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    for name in ("sh", "dirname", "cat", "mkdir", "cp", "chmod", "date", "env"):
        os.symlink(shutil.which(name) or "", tools / name)
    return Machine(checkout, tools)


@pytest.fixture
def with_python(machine: Machine) -> Machine:
    machine.add("python3", PYTHON_STAND_IN)
    for checker in ("ruff", "mypy", "lint-imports"):
        machine.add(checker, "#!/bin/sh\n")
    return machine


def test_no_python_is_said_in_words(machine: Machine) -> None:
    """Without Python 3.11 the script says what is needed and how to get it, and fails."""
    result = machine.run("scripts/run")
    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr


def test_an_old_python_is_no_python(machine: Machine) -> None:
    """A python3 that fails the version check is passed over."""
    machine.add("python3", "#!/bin/sh\nexit 1\n")
    assert "needs Python 3.11 or newer" in machine.run("scripts/run").stderr


def test_a_missing_venv_module_is_said_in_words(with_python: Machine) -> None:
    """Debian's python3 comes without ensurepip: the package to install is named."""
    result = with_python.run("scripts/run", NO_VENV="1")
    assert result.returncode == 1
    assert "-venv" in result.stderr


def test_run_starts_the_demo_with_the_arguments(with_python: Machine) -> None:
    """What stands after scripts/run goes to `llm-edge serve --demo`."""
    result = with_python.run("scripts/run", "--port", "8081")
    assert result.stdout == "started serve --demo --port 8081\n", result.stderr


def test_everything_is_installed_from_the_lock_by_hash(with_python: Machine) -> None:
    """Packages come from the lock with their hashes checked; only the project itself is installed without."""
    with_python.run("scripts/run")
    packages, project = with_python.pip_calls()
    assert "--require-hashes -r requirements/run.lock" in packages
    assert "--no-build-isolation --editable ." in project
    assert "--no-deps" in packages
    assert "--no-deps" in project


def test_a_second_start_installs_nothing(with_python: Machine) -> None:
    """While the lock and pyproject.toml are the same, pip is not asked."""
    with_python.run("scripts/run")
    with_python.calls()
    with_python.run("scripts/run")
    assert with_python.pip_calls() == []


@pytest.mark.parametrize("changed", ["requirements/run.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed(with_python: Machine, changed: str) -> None:
    """A change of either file is noticed at the next start."""
    with_python.run("scripts/run")
    with_python.calls()
    with (with_python.checkout / changed).open("a") as file:
        file.write("# changed\n")
    with_python.run("scripts/run")
    assert len(with_python.pip_calls()) == 2


def test_missing_real_parts_are_no_failure_on_a_laptop(with_python: Machine) -> None:
    """The checks run, and the tests that need those parts skip themselves."""
    result = with_python.run("scripts/test", NO_PARTS="1")
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "All checks passed."), result.stderr


def test_missing_real_parts_are_a_failure_in_ci(with_python: Machine) -> None:
    """With CI=true nothing runs where a part is missing."""
    result = with_python.run("scripts/test", NO_PARTS="1", CI="true")
    assert result.returncode == 1
    assert "does not install" in result.stderr


@pytest.mark.parametrize("code", ["1", "5"])
def test_a_failing_check_fails_the_whole_after_all_have_run(with_python: Machine, code: str) -> None:
    """Pytest's own failure and its 5 (no tests were found) are failures; the summary names the check."""
    result = with_python.run("scripts/test", PYTEST_EXIT=code)
    assert result.returncode == 1
    assert f"FAILED (exit code {code})" in result.stdout
    assert "imports        passed" in result.stdout
    assert result.stdout.splitlines()[-1] == "FAILED"


def test_a_failing_linter_does_not_stop_the_tests(with_python: Machine) -> None:
    """One run shows everything that is wrong."""
    with_python.add("ruff", "#!/bin/sh\nexit 1\n")
    result = with_python.run("scripts/test")
    assert result.returncode == 1
    assert "tests          passed" in result.stdout


def test_arguments_go_to_pytest_alone(with_python: Machine) -> None:
    """`scripts/test -k x` runs pytest only, says so, and ends with pytest's own code."""
    result = with_python.run("scripts/test", "-k", "x", PYTEST_EXIT="3")
    assert result.returncode == 3
    assert "coverage gate are skipped" in result.stderr
    assert with_python.calls()[-1] == "-m pytest -k x"
