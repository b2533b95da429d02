"""pydantic's mistakes in our words: the place, the path, what to do; never the value itself, which may be a secret."""

import re
from typing import Any

from pydantic import BaseModel, ValidationError

from proxy.settings.errors import Path, Problem, dotted
from proxy.settings.reading import Reading
from proxy.settings.suggest import did_you_mean, unknown_key


def problems_of(exc: ValidationError, root: type[BaseModel], reading: Reading) -> list[Problem]:
    """Without those that only follow from a mistake that the reading has already found."""
    errors = exc.errors(include_url=False)
    known = [problem.path for problem in reading.problems if problem.path]
    found = []
    for error in errors:
        path: Path = error["loc"]
        text = dotted(path)
        if any(_within(text, other) or _within(other, text) for other in known):
            continue
        if error["type"] == "too_short" and any(len(other["loc"]) > len(path) and other["loc"][: len(path)] == path for other in errors):
            continue
        given = _as_given(path, reading.layer.data)
        found.append(Problem(_message(dict(error), root, path), dotted(given), reading.layer.origin(given)))
    return found


def _as_given(path: Path, data: Any) -> Path:
    """A schema's path as the source wrote it: where that has a list instead of the section that the list stands for, without the section's
    own name for it (`prices.m.rows[0].meter` → `prices.m[0].meter`)."""
    given: list[str | int] = []
    for step in path:
        if isinstance(data, list) and isinstance(step, str):
            continue
        given.append(step)
        if isinstance(data, dict):
            data = data.get(str(step))
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            data = None
    return tuple(given)


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _message(error: dict[str, Any], root: type[BaseModel], path: Path) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return unknown_key(root, path)
    if kind == "missing":
        return "missing"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        return _literal(error)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a mapping"
    message = str(error["msg"]).replace("Input should", "must")
    given = error.get("input")
    return f"{message}, got {given}" if isinstance(given, int | float) else message


def _literal(error: dict[str, Any]) -> str:
    expected = re.findall(r"'([^']*)'", error["ctx"]["expected"])
    given = error.get("input")
    hint = did_you_mean(given, expected) if isinstance(given, str) else ""
    return f"must be one of {', '.join(expected)}{hint}"
