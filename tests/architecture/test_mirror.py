"""Every module has its test file: tests/unit mirrors proxy/."""

import ast
from pathlib import PurePosixPath

from tests.architecture.source_tree import ROOT, Function, Module, functions, modules

ELSEWHERE: dict[str, str] = {
    **{
        f"proxy/storage/{back_end}_{module}.py": f"tests/contract/records/test_{suite}_records.py"
        for back_end in ("postgres", "dynamodb")
        for module, suite in (("keys", "key"), ("responses", "response"), ("overlays", "overlay"))
    },
    "proxy/storage/postgres_plans.py": "tests/contract/records/test_plan_records.py",
}
"""Modules whose tests stand outside tests/unit, with the file (contract and integration suites)."""


def _has_behaviour(module: Module) -> bool:
    """A function that does something: plain data, re-exports and protocols have nothing to test."""
    return any(not _is_plain(function) for function in functions(module))


def _is_plain(function: Function) -> bool:
    """A protocol's stub, or an `__init__` that only keeps its arguments."""
    keeps = function.node.name == "__init__"
    return all(
        (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        or (keeps and isinstance(part, ast.Assign | ast.AnnAssign) and isinstance(part.value, ast.Name | ast.Constant))
        or (
            keeps and isinstance(part, ast.Expr) and isinstance(part.value, ast.Call) and ast.unparse(part.value.func) == "super().__init__"
        )
        for part in function.node.body
    )


def _candidates(path: str) -> list[str]:
    """Where the tests of `proxy/codecs/chat/decode.py` may stand: codecs/chat/test_decode*.py, codecs/test_chat_decode*.py or,
    for a package tested as one, codecs/test_chat*.py. The `*` lets a large subject have several files."""
    module = PurePosixPath(path).relative_to("proxy").with_suffix("")
    parts = list(module.parts)
    if parts[-1] == "__init__":
        parts.pop()
    if not parts:
        return ["test_init*.py"]
    *folders, name = parts
    name = name.strip("_")
    found = ["/".join([*folders, f"test_{name}*.py"])]
    if len(folders) > 1:
        outer, package = folders[:-1], folders[-1]
        found += ["/".join([*outer, f"test_{package}_{name}*.py"]), "/".join([*outer, f"test_{package}*.py"])]
    if module.name == "__init__":
        found.append("/".join([*parts, "test_init*.py"]))
    return found


def test_every_module_with_behaviour_has_its_test_file() -> None:
    """A module without a test file of its name fails here, with the names that would do."""
    lacking = {}
    for module in modules():
        if module.path in ELSEWHERE or not _has_behaviour(module):
            continue
        candidates = _candidates(module.path)
        if not any(any((ROOT / "tests/unit").glob(candidate)) for candidate in candidates):
            lacking[module.path] = [f"tests/unit/{candidate}" for candidate in candidates]
    assert lacking == {}


def test_the_list_of_exceptions_is_true() -> None:
    """Each module listed as tested elsewhere exists, its test file exists, and the mirror has none for it."""
    paths = {module.path for module in modules()}
    for path, test in ELSEWHERE.items():
        assert path in paths, path
        assert (ROOT / test).is_file(), test
        assert not any(any((ROOT / "tests/unit").glob(candidate)) for candidate in _candidates(path)), f"{path}: not an exception any more"


def test_every_module_says_what_it_is_for() -> None:
    """Each module of proxy/ begins with a docstring."""
    assert [module.path for module in modules() if module.text.strip() and not ast.get_docstring(module.tree)] == []
