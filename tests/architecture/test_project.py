"""The packaging keeps its promises: few dependencies, each explained, locked with hashes, optional ones optional."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import Any

import pytest
import yaml

from tests.architecture.source_tree import ROOT, imported, modules

LOCKS = ("run", "test", "image", "bench", "parts")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.IGNORECASE)
NOT_IMPORTED = {
    "cachetools": "announced for bounded caches; those of now bound bytes too and are ours",
    "opentelemetry-sdk": "announced for traces, which are not exported yet",
}
"""Runtime dependencies that no import statement of proxy/ names, with the reason."""

PART_OF = {"pydantic_core": "pydantic"}
"""Import names that come with a declared dependency under a distribution of their own."""

ADAPTERS = {"proxy/storage/postgres": "psycopg", "proxy/storage/dynamodb": "botocore"}
"""Beginnings of the paths of modules that are made of an optional package: they import it at their top, and nobody imports them at his."""


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def _names(requirements: list[str]) -> set[str]:
    found = set()
    for requirement in requirements:
        match = NAME.match(requirement)
        assert match is not None, requirement
        found.add(match.group().lower())
    return found


def _locked(lock: str) -> dict[str, str]:
    """Name → its block of text."""
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / f"requirements/{lock}.lock").read_text())
    return {match.group(): block for block in blocks if (match := NAME.match(block))}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_version_and_a_hash(lock: str) -> None:
    """Each entry is pinned with == and carries SHA-256 hashes."""
    locked = _locked(lock)
    assert locked
    assert [name for name, block in locked.items() if "==" not in block or "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_leave_the_index_to_the_installer(lock: str) -> None:
    """No URL and no index option in a lock file."""
    text = (ROOT / f"requirements/{lock}.lock").read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", text)


def test_locks_hold_what_pyproject_asks_for() -> None:
    """scripts/lock was run after the last change: each direct requirement stands in its lock."""
    project = _project()["project"]
    extras = project["optional-dependencies"]
    run, test, bench = _locked("run"), _locked("test"), _locked("bench")
    assert _names(project["dependencies"]) <= set(run)
    assert _names(_project()["build-system"]["requires"]) <= set(run)
    assert _names(extras["test"]) <= set(test)
    assert _names(extras["bench"]) <= set(bench)


def test_test_lock_contains_the_run_lock() -> None:
    """Tests run against the very versions that users get."""

    def pins(lock: str) -> set[str]:
        return {block.split(" ")[0] for block in _locked(lock).values()}

    assert pins("run") <= pins("test")


def test_litellm_is_optional() -> None:
    """Nobody gets litellm, or its packages, without asking for the extra; the tests have it."""
    assert "litellm" in _project()["project"]["optional-dependencies"]
    assert [lock for lock in LOCKS if lock != "test" and "litellm" in _locked(lock)] == []


def test_runtime_dependencies_are_the_imported_ones() -> None:
    """proxy/ imports at module level nothing but the standard library and its declared dependencies, and each dependency is used."""
    distributions = packages_distributions()
    declared = _names(_project()["project"]["dependencies"])
    used: set[str] = set()
    undeclared = []
    for module in modules():
        optional = next((extra for begin, extra in ADAPTERS.items() if module.path.startswith(begin)), None)
        for node in module.tree.body:
            for name in imported(node):
                top = name.split(".")[0]
                if top == optional:
                    continue
                if top == "proxy" or top in sys.stdlib_module_names:
                    continue
                owners = {PART_OF.get(top) or _normal(owner) for owner in distributions.get(top, [top])}
                used |= owners
                if not owners & declared:
                    undeclared.append(f"{module.at(node)}: {top}")
    used |= _imported_inside_functions(distributions)
    assert undeclared == []
    assert declared - used == set(NOT_IMPORTED)


def test_adapters_of_optional_packages_are_imported_where_they_are_asked_for() -> None:
    """No module but those of the same adapter has one of them at its top."""
    adapters = {path.replace("/", "."): path for path in ADAPTERS}
    plain = ("proxy.storage.postgres_url", "proxy.storage.dynamodb_url", "proxy.storage.dynamodb_values")
    breaches = [
        f"{module.at(node)}: {name}"
        for module in modules()
        for node in module.tree.body
        for name in imported(node)
        for begin, path in adapters.items()
        if name.startswith(begin) and not module.path.startswith(path) and name not in plain
    ]
    assert breaches == []


def _imported_inside_functions(distributions: Any) -> set[str]:
    names = {name.split(".")[0] for module in modules() for node in ast.walk(module.tree) for name in imported(node)}
    return {_normal(owner) for name in names for owner in distributions.get(name, [])}


def test_every_dependency_is_explained() -> None:
    """docs/dependencies.md has a row for each direct dependency, extras, build and parts too, and for nothing else."""
    project = _project()
    wanted = _names(project["project"]["dependencies"]) | _names(project["build-system"]["requires"]) | set(_locked("parts"))
    for extra in project["project"]["optional-dependencies"].values():
        wanted |= _names(extra)
    rows = set(re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE))
    assert rows == wanted


def test_coverage_gate_only_rises() -> None:
    """pyproject's fail_under is not below the floor that was reached before, and the floor is the gate."""
    floor = float((ROOT / "tests/architecture/coverage_floor.txt").read_text())
    assert _project()["tool"]["coverage"]["report"]["fail_under"] == floor >= 90


def test_version_is_told_once() -> None:
    """The changelog's newest release or its Unreleased section belongs to the version of proxy/core/version.py."""
    from proxy.core.version import __version__

    assert re.search(rf"^## \[(Unreleased|{re.escape(__version__)})\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("script", ["scripts/run", "scripts/test", "scripts/lock", ".ci/run"])
def test_scripts_are_executable_and_fail_early(script: str) -> None:
    """Each script can be started, and stops at the first failing command."""
    path = ROOT / script
    assert path.stat().st_mode & 0o111 == 0o111
    assert re.search(r"^set -eu", path.read_text(), re.MULTILINE)


def test_ci_runs_what_people_run() -> None:
    """.ci/run is scripts/test with CI=true, and nothing besides."""
    text = (ROOT / ".ci/run").read_text()
    assert "export CI=true" in text
    assert text.rstrip().endswith("exec scripts/test")


def test_yaml_files_parse() -> None:
    """Every YAML file of the project is well-formed."""
    for path in [*ROOT.glob("*.yml"), *(ROOT / "deploy").rglob("*.y*ml")]:
        assert list(yaml.safe_load_all(path.read_text())), path
