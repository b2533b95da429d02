"""docs/configuration.md, made from the schema and the tables of environment names."""

from collections.abc import Iterator
from pathlib import Path as FilePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from proxy.settings.base import SecretUrl
from proxy.settings.environment import COMPOSED, LATER, NAMES, UNUSED
from proxy.settings.root import Settings
from proxy.settings.suggest import unwrap

_INTRO = """# Configuration

Made by `llm-edge config docs` from the schema; a test compares the two.

Sources, each winning over the next: arguments of `Settings(...)` and flags of `llm-edge serve`; the environment; `.env` in the
working directory (taken literally: no `$` expansion); the YAML file named by `--config` or `LLM_EDGE_CONFIG`; the defaults below.
Mappings are merged key by key, lists are replaced whole.

- A string `env:NAME` in the file is replaced by that variable, `file:PATH` by that file's text without its last line end (relative to the
  configuration file). A reference to something that isn't there is an error with its line.
- Where the file itself places a variable (`static_keys: [env:API_KEYS, env:MORE_KEYS]`), the variable does not also replace that setting.
- `LLM_EDGE_<SECTION>__<FIELD>` sets any setting: `LLM_EDGE_SERVER__DRAIN_DELAY_S=1`, `LLM_EDGE_PROVIDERS__OPENAI__BASE_URL=…`; a value
  that begins with `[` or `{` is JSON, `null` is null.
- An empty variable is an unset one.
- An unknown key is an error with the nearest known name and its line and column; every mistake is listed at once.
- Provider names such as OPENAI_API_KEY make providers only when no file or argument has a `providers` section.
- A section or name whose feature is not in this version is read, and a line at start says that it has no effect.

`llm-edge config check FILE` says what is wrong and where, `config show` what holds and where each value came from.
"""


class Row(NamedTuple):
    path: str
    type: str
    default: str
    description: str


def settings_markdown() -> str:
    parts = [_INTRO, "## Top level\n", _table(_own_rows(Settings, ""))]
    for name, field in Settings.model_fields.items():
        inner = _section_of(field)
        if inner is not None:
            parts += [f"## `{name}`\n", f"{field.description}\n"]
            parts.append(_table(setting_rows(inner, f"{name}{_member_mark(field)}")))
    return "\n".join([*parts, _environment()])


def setting_rows(model: type[BaseModel], prefix: str) -> Iterator[Row]:
    """Every setting below a section; `<name>` stands for a name of the user's, `[]` for a place in a list."""
    yield from _own_rows(model, f"{prefix}.")
    for name, field in model.model_fields.items():
        inner = _section_of(field)
        if inner is not None:
            yield from setting_rows(inner, f"{prefix}.{name}{_member_mark(field)}")


def _own_rows(model: type[BaseModel], prefix: str) -> Iterator[Row]:
    for name, field in model.model_fields.items():
        if _section_of(field) is None:
            yield Row(f"{prefix}{name}", _type(field.annotation), _default(field), field.description or "")


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    inner = unwrap(field.annotation)
    if get_origin(inner) is dict:
        inner = get_args(inner)[1]
    elif get_origin(inner) is tuple:
        inner = get_args(inner)[0]
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _member_mark(field: FieldInfo) -> str:
    origin = get_origin(unwrap(field.annotation))
    return ".<name>" if origin is dict else "[]" if origin is tuple else ""


_TYPES: dict[Any, str] = {
    int: "integer",
    float: "number",
    bool: "boolean",
    str: "string",
    FilePath: "path",
    SecretStr: "secret",
    SecretUrl: "URL",
    NoneType: "null",
}


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    args = get_args(annotation)
    if origin is Annotated:
        return _type(args[0])
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin in (Union, UnionType):
        return " or ".join(_type(arg) for arg in args)
    if origin is tuple:
        return f"list of {_type(args[0])}"
    if origin is dict:
        return f"mapping to {_type(args[1])}"
    return _TYPES.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value in ((), {}):
        return "empty"
    return f"`{value}`"


def _table(rows: Iterator[Row]) -> str:
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.path}` | {row.type} | {row.default} | {row.description} |" for row in rows]
    return "\n".join(lines) + "\n"


def _environment() -> str:
    lines = ["## Environment\n", "| name | setting | meaning |", "|---|---|---|"]
    lines += [f"| `{entry.name}` | `{entry.path}` | {entry.meaning} |" for entry in NAMES]
    lines += [f"| `{name}` | | {meaning} |" for name, meaning in COMPOSED]
    lines += ["", "A later name wins over an earlier one for the same setting.", ""]
    lines += ["Read, but without effect in this version (a line at start says so when one is set):", ""]
    lines += ["| name | waits for |", "|---|---|", *(f"| `{name}` | {feature} |" for name, feature in LATER.items())]
    lines += ["", "Known from other systems and without effect here:", ""]
    lines += ["| name | why |", "|---|---|", *(f"| `{name}` | {why} |" for name, why in UNUSED.items())]
    return "\n".join(lines) + "\n"
