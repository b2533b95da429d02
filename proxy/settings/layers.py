"""One source's values with the place each came from, and how sources lie over each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.settings.errors import Path


@dataclass
class Layer:
    """`origins`: `config.yaml:12:5` or `environment PORT` by path; a path without its own has its parent's.

    `references`: environment name by path, where the file says `env:NAME`.
    """

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    references: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, value: Any, origin: str) -> None:
        node = self.data
        for step in path[:-1]:
            child = node.get(str(step))
            if not isinstance(child, dict):
                child = node[str(step)] = {}
            node = child
        node[str(path[-1])] = value
        self.origins[path] = origin

    def drop(self, path: Path) -> None:
        node: Any = self.data
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]
        self._forget(path)

    def get(self, path: Path) -> Any:
        """The value there, or None."""
        node: Any = self.data
        for step in path:
            if not isinstance(node, dict) or step not in node:
                return None
            node = node[step]
        return node

    def holds(self, path: Path) -> bool:
        """Whether a source gave this very value (places in a list count as given with their list)."""
        node: Any = self.data
        for step in path:
            if isinstance(node, dict):
                if step not in node:
                    return False
                node = node[step]
        return True

    def origin(self, path: Path) -> str:
        """Of the value there, or of the nearest mapping around it; "" for none."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return ""

    def _forget(self, path: Path) -> None:
        for known in [known for known in self.origins if known[: len(path)] == path]:
            del self.origins[known]


def merge(layers: Sequence[Layer]) -> Layer:
    """The last layer wins; mappings are merged, everything else (lists too) is replaced whole."""
    result = Layer()
    for layer in layers:
        _overlay(result, result.data, layer, layer.data, ())
    return result


def _overlay(result: Layer, target: dict[str, Any], layer: Layer, values: dict[str, Any], path: Path) -> None:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                result._forget(here)
                target[key] = {}
            if here in layer.origins:
                result.origins[here] = layer.origins[here]
            _overlay(result, target[key], layer, value, here)
            continue
        result._forget(here)
        target[key] = value
        result.origins.update({known: text for known, text in layer.origins.items() if known[: len(here)] == here})
