"""What differs between two configurations, by path: never the values, which may be secrets."""

from typing import Any

from proxy.settings.base import digestible
from proxy.settings.errors import Path, dotted
from proxy.settings.root import Settings


def changed_paths(before: Settings, after: Settings) -> list[str]:
    """Dotted paths of what was added, removed or changed, in the order of the schema; a list of another length is named as a whole."""
    found: list[Path] = []
    _compare(digestible(before.model_dump()), digestible(after.model_dump()), (), found)
    return [dotted(path) for path in found]


def _compare(old: Any, new: Any, path: Path, found: list[Path]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            if key in old and key in new:
                _compare(old[key], new[key], (*path, key), found)
            else:
                found.append((*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            _compare(a, b, (*path, index), found)
    elif old != new:
        found.append(path)
