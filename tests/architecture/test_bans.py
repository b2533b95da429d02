"""What house style forbids and ruff cannot see, read from the syntax trees of proxy/."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.architecture.source_tree import Module, dotted, imported, modules, text_files

CLIENT_NAMES = re.compile(r"(Client|Redis|Session|Transport|Pool|Engine|Connection|Supervisor|Registry|Executor|Server)$|^connect$")


@dataclass(frozen=True)
class Ban:
    breached_by: Callable[[ast.AST], bool]
    sample: str
    """Code that the ban must notice: a rule that cannot fail guards nothing."""
    except_in: tuple[str, ...] = ()
    """Beginnings of paths."""
    top_level_only: bool = False

    def breaches(self, module: Module) -> list[str]:
        if module.path.startswith(self.except_in or ("-",)):
            return []
        nodes = module.tree.body if self.top_level_only else ast.walk(module.tree)
        return [module.at(node) for node in nodes if self.breached_by(node)]


def _takes(node: ast.AST, *names: str) -> bool:
    """Whether `from … import` takes one of the names."""
    return isinstance(node, ast.ImportFrom) and not {alias.name for alias in node.names}.isdisjoint(names)


def _is_broad_except(node: ast.AST) -> bool:
    """A handler that ends in a bare `raise` cleans up and passes the failure on: it swallows nothing."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    last = node.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or dotted(kind) in ("Exception", "BaseException") for kind in kinds)


def _reads_environment(node: ast.AST) -> bool:
    return dotted(node) in ("os.environ", "os.environb", "os.getenv") or _takes(node, "environ", "environb", "getenv")


def _starts_bare_task(node: ast.AST) -> bool:
    """A TaskGroup (named `group`) keeps and reports its tasks; anything else goes through TaskSupervisor."""
    name = dotted(node)
    return (name.endswith((".create_task", ".ensure_future")) and name != "group.create_task") or _takes(
        node, "create_task", "ensure_future"
    )


def _makes_client(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return isinstance(value, ast.Call) and CLIENT_NAMES.search(dotted(value.func).rpartition(".")[2]) is not None


def _hides_a_type(node: ast.AST) -> bool:
    """From Python 3.14 on, annotations are read when the class has its fields, which then stand for themselves."""
    if not isinstance(node, ast.ClassDef):
        return False
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    used = {part.id for field in fields for part in ast.walk(field.annotation) if isinstance(part, ast.Name)}
    return not used.isdisjoint(field.target.id for field in fields if isinstance(field.target, ast.Name))


BANS = {
    "broad `except` outside the three named places": Ban(
        _is_broad_except,
        "try:\n    f()\nexcept (ValueError, Exception):\n    log()",
        except_in=(
            "proxy/governance/trace.py",  # the outermost ASGI wrapper
            "proxy/consumers/loop.py",  # the consumer loop
            "proxy/core/tasks.py",  # the supervisor of background tasks
        ),
    ),
    "environment read outside proxy/settings": Ban(_reads_environment, "import os\nx = os.environ.get('X')", except_in=("proxy/settings",)),
    "bare create_task or ensure_future (use core.tasks.TaskSupervisor)": Ban(
        _starts_bare_task,
        "asyncio.get_running_loop().create_task(f())",
        except_in=(
            "proxy/core/tasks.py",
            "proxy/serving/protocol.py",  # one task a request, kept and awaited by the server's own drain
        ),
    ),
    "client, pool or registry made at import time": Ban(_makes_client, "client = httpx2.AsyncClient()", top_level_only=True),
    "`global` statement": Ban(lambda node: isinstance(node, ast.Global), "def f():\n    global x\n    x = 1"),
    "BaseHTTPMiddleware": Ban(
        lambda node: dotted(node).endswith("BaseHTTPMiddleware") or _takes(node, "BaseHTTPMiddleware"),
        "from starlette.middleware.base import BaseHTTPMiddleware",
    ),
    "print outside cli and serving": Ban(
        lambda node: isinstance(node, ast.Call) and dotted(node.func) == "print", "print('x')", except_in=("proxy/cli/", "proxy/serving/")
    ),
    "litellm imported outside providers/litellm_bridge": Ban(
        lambda node: any(name.split(".")[0] == "litellm" for name in imported(node)),
        "def f():\n    import litellm.utils",
        except_in=("proxy/providers/litellm_bridge.py",),
    ),
    "field with the name of a type that its class's fields have": Ban(_hides_a_type, "class A:\n    bytes: bytes"),
    "NotImplementedError": Ban(lambda node: dotted(node) == "NotImplementedError", "def f():\n    raise NotImplementedError"),
}


@pytest.mark.parametrize("what", BANS)
def test_proxy_has_none(what: str) -> None:
    """No module of proxy/ contains it."""
    assert [place for module in modules() for place in BANS[what].breaches(module)] == []


@pytest.mark.parametrize("what", BANS)
def test_ban_notices_a_breach(what: str) -> None:
    """Each ban finds its own sample."""
    ban = BANS[what]
    assert ban.breaches(Module("proxy/sample.py", ban.sample, ast.parse(ban.sample)))


def test_broad_except_that_passes_the_failure_on_is_fine() -> None:
    """Clean-up on any failure, ending in a bare `raise`, is not a broad except."""
    text = "try:\n    f()\nexcept BaseException:\n    close()\n    raise"
    assert BANS["broad `except` outside the three named places"].breaches(Module("proxy/sample.py", text, ast.parse(text))) == []


WAVED_THROUGH = {
    "type: ignore without a code": re.compile(r"#\s*type:\s*ignore(?!\[)"),
    "coverage switched off": re.compile(r"#\s*pragma:\s*no\s*(cover|branch)"),
    "noqa without a code": re.compile(r"#\s*noqa(?!:)"),
    "work left for later": re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
}


@pytest.mark.parametrize("what", WAVED_THROUGH)
def test_nothing_is_waved_through(what: str) -> None:
    """No file of the project contains it, outside this one."""
    pattern = WAVED_THROUGH[what]
    own = "tests/architecture/test_bans.py"
    found = [
        f"{path}:{number}"
        for path, text in text_files()
        if path.endswith((".py", ".md", ".lua", ".sql", ".sh", ".yaml", ".yml", ".toml")) and path != own
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
