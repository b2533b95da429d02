"""What msgspec says of a body, in our words: the field's path, what is wrong with it, and the nearest of the names that are known."""

import re
from collections.abc import Callable, Iterable

from proxy.core.entities import ENTITY_TYPES
from proxy.core.errors import InvalidField
from proxy.settings.suggest import did_you_mean

_AT = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$")
_NO_CHOICE = re.compile(r"Invalid enum value '(.*)'$")
_CHOICES: dict[str, tuple[str, ...]] = {"entity_type": ENTITY_TYPES, "algorithm": ("window", "bucket"), "door": ("", "agent")}


def explained(text: str, fields: Callable[[str], tuple[str, ...]]) -> InvalidField:
    """`fields`: the known names of the object at a path ("": the body)."""
    at = _AT.search(text)
    path = re.sub(r"\[(\d*|\.\.\.)\]", lambda m: f".{m[1].strip('.')}" if m[1].strip(".") else "", at[1]) if at else ""
    reason = text[: at.start()] if at else text
    if (unknown := _UNKNOWN.match(reason)) is not None:
        known = fields(path)
        return InvalidField(f"unknown field{near(unknown[1], known)}", f"{path}.{unknown[1][:64]}".strip("."))
    if (value := _NO_CHOICE.match(reason)) is not None and (choices := _CHOICES.get(path.rpartition(".")[2])) is not None:
        reason = f"must be one of {', '.join(map(repr, choices))}{did_you_mean(value[1], choices)}"
    elif "regex" in reason:
        reason = "must have no white space, no braces, and no @ at its beginning"
    return InvalidField(f"{reason[0].lower()}{reason[1:]}", path)


def near(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known) or f"; known: {', '.join(known)}"
