"""Files and functions stay small enough to be read whole."""

import tomllib

from tests.architecture.source_tree import ROOT, functions, modules

FILE_LINES = 500
FUNCTION_LINES = 60


def _exemptions(kind: str) -> dict[str, int]:
    return tomllib.loads((ROOT / "tests/architecture/exemptions.toml").read_text())[kind]  # type: ignore[no-any-return]


def _check(sizes: dict[str, int], cap: int, kind: str) -> None:
    exempt = _exemptions(kind)
    too_long = {name: size for name, size in sizes.items() if size > exempt.get(name, cap)}
    assert not too_long, f"over {cap} lines"
    stale = {name: f"listed with {listed}, is {sizes.get(name, 0)}" for name, listed in exempt.items() if sizes.get(name, 0) != listed}
    assert not stale, "exemptions that must shrink or go"
    assert all(size > cap for size in exempt.values()), "exemptions that are not needed"


def test_no_file_is_longer_than_the_cap() -> None:
    """No module, test or benchmark is longer than 500 lines but those listed, and the list holds their exact lengths."""
    _check({module.path: module.lines for package in ("proxy", "tests", "benchmarks") for module in modules(package)}, FILE_LINES, "files")


def test_no_function_is_longer_than_the_cap() -> None:
    """No function of proxy/ is longer than 60 lines but those listed."""
    sizes = {f"{module.path}::{function.name}": function.lines for module in modules() for function in functions(module)}
    _check(sizes, FUNCTION_LINES, "functions")
