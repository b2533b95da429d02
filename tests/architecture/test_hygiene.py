"""Nothing of the machine that a file was written on gets into the project."""

import pytest

from tests.architecture.source_tree import text_files

OWN = "tests/architecture/test_hygiene.py"
MACHINE_PATHS = [f"/{folder}/" for folder in ("work", "root", "home", "Users")]
REGISTRY_HOSTS = ["pypi.org", "pythonhosted.org", "registry.npmjs.org", "proxy.golang.org", "docker.io", "ghcr.io", "quay.io"]


@pytest.mark.parametrize("needle", [*MACHINE_PATHS, *REGISTRY_HOSTS])
def test_no_machine_path_or_registry_host(needle: str) -> None:
    """No file names a path of somebody's machine or the host of a package registry: both are the installer's to choose."""
    found = [
        f"{path}:{number}"
        for path, text in text_files()
        if path != OWN
        for number, line in enumerate(text.splitlines(), 1)
        if needle in line
    ]
    assert found == []


def test_files_end_with_a_newline_and_hold_no_tabs_or_trailing_blanks() -> None:
    """Python, shell, YAML, TOML and Markdown files are clean text."""
    bad = []
    for path, text in text_files():
        if path.startswith("tests/wire/") or not path.endswith((".py", ".yaml", ".yml", ".toml", ".md", ".lua", ".sql")):
            continue
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            bad.append(f"{path}: end of file")
        bad += [f"{path}:{n}" for n, line in enumerate(text.splitlines(), 1) if line != line.rstrip() or "\t" in line]
    assert bad == []
