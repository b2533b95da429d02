"""The project's files as these tests see them: found by walking, so that a checkout without git is checked too."""

import ast
import fnmatch
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    path: str
    """Relative to the root, with slashes: `proxy/core/ids.py`."""
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def at(self, node: ast.AST) -> str:
        """`proxy/core/ids.py:12`, as terminals and editors link it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


@dataclass(frozen=True)
class Function:
    module: Module
    name: str
    """Qualified in its module: `TaskSupervisor.start`."""
    node: ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def modules(package: str = "proxy") -> tuple[Module, ...]:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        text = path.read_text()
        found.append(Module(relative(path), text, ast.parse(text, filename=str(path))))
    return tuple(found)


def functions(module: Module) -> Iterator[Function]:
    """All of them, methods and nested ones too."""
    yield from _functions(module, module.tree, "")


def _functions(module: Module, node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(module, prefix + child.name, child)
            yield from _functions(module, child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(module, child, f"{prefix}{child.name}.")
        else:
            yield from _functions(module, child, prefix)


def imported(node: ast.AST) -> list[str]:
    """Absolute module names that an import statement names; empty for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []


def dotted(node: ast.AST) -> str:
    """`asyncio.create_task` of a Name or Attribute chain; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


@functools.cache
def project_files() -> tuple[Path, ...]:
    """Every file that is or could be committed: .gitignore's patterns are left out."""
    patterns = [line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip() and line[0] != "#"]

    def ignored(name: str) -> bool:
        return name == ".git" or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if ignored(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                yield from walk(path)
            elif path.is_file():
                yield path

    return tuple(walk(ROOT))


def text_files() -> Iterator[tuple[str, str]]:
    """(relative path, text) of every project file that is UTF-8."""
    for path in project_files():
        try:
            yield relative(path), path.read_text()
        except UnicodeDecodeError:
            continue


@functools.cache
def documentation() -> str:
    """README.md and everything under docs/, as one text."""
    return "\n".join(path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])
