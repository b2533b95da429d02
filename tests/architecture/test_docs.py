"""What users can set, see or type is documented: each name must stand in README.md or docs/, in backticks or a code block."""

import ast
import importlib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from tests.architecture.source_tree import ROOT, documentation, dotted, modules

EXAMPLES_ADD = {"proxy.routing.least_busy"}
"""Modules that a reader of CONTRIBUTING.md would write."""
ENVIRONMENT_NAME = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]|HOST|PORT")


def _documented() -> set[str]:
    """Every run of name characters in the documentation: `server.port`, `llm_edge_workers`, `OPENAI_API_KEY`."""
    return set(re.findall(r"[A-Za-z0-9_.<>\[\]-]*[A-Za-z0-9_>\]]", documentation()))


def _undocumented(names: Iterable[str]) -> list[str]:
    documented = _documented()
    return sorted(name for name in set(names) if name not in documented)


def _exists(prefix: str) -> bool:
    return any(module.path.startswith(prefix) for module in modules())


def _setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted paths of all leaves; a mapping's key is written `<name>`: `providers.<name>.kind`."""
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        deeper = list(_sections(field.annotation, path))
        if deeper:
            for section, at in deeper:
                yield from _setting_names(section, f"{at}.")
        else:
            yield path


def _sections(annotation: object, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, path
        return
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        for argument in arguments:
            yield from _sections(argument, path)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _sections(arguments[1], f"{path}.<name>")
    elif origin in (tuple, list):
        for argument in arguments:
            yield from _sections(argument, f"{path}[]")


def test_every_setting_is_documented() -> None:
    """Each leaf of the configuration, by its dotted path."""
    if not _exists("proxy/settings/__init__.py"):
        return
    settings = importlib.import_module("proxy.settings").Settings
    assert _undocumented(_setting_names(settings)) == []


def test_every_environment_name_is_documented() -> None:
    """Each environment variable that the settings read, found as a literal."""
    names = {
        node.value
        for module in modules()
        if module.path.startswith("proxy/settings")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ENVIRONMENT_NAME.fullmatch(node.value)
    }
    assert _undocumented(names) == []


def test_every_metric_is_documented() -> None:
    """Each exported family, derived ones too."""
    if not _exists("proxy/telemetry/families.py"):
        return
    families = importlib.import_module("proxy.telemetry.families")
    assert _undocumented(family.name for family in (*families.FAMILIES, *families.DERIVED)) == []


def test_every_error_code_is_documented() -> None:
    """Each `code` of an error class and each `code=` given to one, in docs/errors.md."""
    codes: set[str] = set()
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and any(dotted(base).endswith(("Fault", "EdgeError")) for base in node.bases):
                codes |= {value for name, value in _string_assignments(node) if name == "code"}
            elif isinstance(node, ast.Call) and dotted(node.func)[:1].isupper():
                codes |= {
                    str(k.value.value) for k in node.keywords if k.arg == "code" and isinstance(k.value, ast.Constant) and k.value.value
                }
    page = ROOT / "docs/errors.md"
    text = page.read_text() if page.is_file() else ""
    assert sorted(code for code in codes if f"`{code}`" not in text) == []


def _string_assignments(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Constant):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            yield dotted(target), str(statement.value.value)


def test_every_command_is_documented() -> None:
    """Each command of the command line, as argparse knows it."""
    commands = {
        node.args[0].value
        for module in modules()
        if module.path.startswith("proxy/cli/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func).endswith(".add_parser") and node.args and isinstance(node.args[0], ast.Constant)
    }
    assert _undocumented(str(command) for command in commands) == []


def test_every_package_is_on_the_map() -> None:
    """docs/architecture.md names each package of proxy/."""
    text = (ROOT / "docs/architecture.md").read_text()
    packages = {module.path.split("/")[1] for module in modules() if module.path.count("/") > 1}
    assert sorted(package for package in packages if f"`{package}/`" not in text) == []


def test_links_between_documents_lead_somewhere() -> None:
    """Relative Markdown links point to files that exist."""
    broken = []
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text()):
            if not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []


def _python_blocks() -> Iterator[tuple[str, str]]:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for block in re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
            yield path.name, block


def test_examples_in_the_documents_are_python_that_imports_what_exists() -> None:
    """Each Python block parses, and what it imports from this project is there (a module that the example itself adds aside)."""
    missing = []
    for name, block in _python_blocks():
        for node in ast.walk(ast.parse(block, name)):
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").split(".")[0] in ("proxy", "tests")
                and node.module not in EXAMPLES_ADD
            ):
                module = importlib.import_module(node.module or "")
                missing += [f"{name}: {node.module}.{alias.name}" for alias in node.names if not hasattr(module, alias.name)]
    assert missing == []
