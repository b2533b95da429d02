"""The nearest known name, and what the schema knows at a path."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from proxy.settings.errors import Path, dotted

Model = type[BaseModel]


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The most similar of `known`, case ignored; None when nothing is similar."""
    by_folded = {item.casefold(): item for item in sorted(known)}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`; did you mean "api_keys"?`, or ""."""
    found = nearest(name, known, cutoff)
    return f'; did you mean "{found}"?' if found else ""


def unknown_key(root: Model, path: Path) -> str:
    """The message for a key that the schema has no place for: the nearest sibling, else the one place where the name is known."""
    name = str(path[-1])
    parent = section_at(root, path[:-1])
    siblings = list(parent.model_fields) if parent else []
    hint = did_you_mean(name, siblings)
    if not hint:
        elsewhere = [known for known in paths(root) if known[-1] == name]
        hint = f'; did you mean "{dotted(elsewhere[0])}"?' if len(elsewhere) == 1 else ""
    if not hint and siblings:
        hint = f"; known here: {', '.join(siblings)}"
    return f"unknown key{hint}"


def section_at(root: Model, path: Path) -> Model | None:
    """The section that stands at a path; None where there is none."""
    here: Any = root
    for step in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(step))
            here = field.annotation if field else None
        else:
            here = _member(here)
        here = unwrap(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def unwrap(annotation: Any) -> Any:
    """`X | None` → `X`."""
    if get_origin(annotation) in (UnionType, Union):
        return next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation


def paths(root: Model, prefix: Path = ()) -> Iterator[Path]:
    """Every setting that has one fixed place (not those under a name of the user's)."""
    for name, field in root.model_fields.items():
        here = (*prefix, name)
        yield here
        inner = unwrap(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from paths(inner, here)


def _member(annotation: Any) -> Any:
    """Type of the members of `dict[str, X]` or `tuple[X, ...]`."""
    args = get_args(annotation)
    if get_origin(annotation) is dict:
        return args[1]
    return args[0] if get_origin(annotation) is tuple else None
