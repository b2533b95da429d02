"""Reads a YAML file into a layer: values with their line and column, `env:` and `file:` references resolved."""

import errno
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from proxy.settings.errors import Path, Problem, SettingsError, dotted
from proxy.settings.layers import Layer
from proxy.settings.sources import MAX_BYTES, SourceReader

MAX_DEPTH = 32
"""Deeper than any real configuration, and the end of an anchor that contains itself."""
MAX_NODES = 200_000
"""A few nested anchors can stand for millions of values."""

Lookup = Callable[[str], str | None]


def read_file(path: FilePath, lookup: Lookup, reader: SourceReader | None = None) -> tuple[Layer, list[Problem]]:
    """Raises SettingsError where the file can't be read or is no YAML mapping; mistakes of single values are returned.

    `lookup`: an environment variable's value, or None. `reader`: by which this file and those that it names are read.
    """
    reader = reader or SourceReader()
    text = _load(path, reader)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return Layer(), []
        if not isinstance(node, MappingNode):
            raise SettingsError(Problem("must be a mapping of sections", where=_place(path.name, node)))
        return _Reader(path, loader, lookup, reader).read(node)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        raise SettingsError(Problem(f"not valid YAML: {exc.problem or exc.context}", where=where)) from None
    except yaml.YAMLError:
        raise SettingsError(Problem("not valid YAML: a character that YAML does not allow", where=path.name)) from None


def _load(path: FilePath, reader: SourceReader) -> str:
    try:
        content = reader.read(path)
        if len(content) > MAX_BYTES:
            raise SettingsError(Problem(f"larger than {MAX_BYTES} bytes", where=str(path)))
        return _text(content)
    except OSError as exc:
        raise SettingsError(Problem(f"can't be read: {exc.strerror or exc}", where=str(path))) from None
    except UnicodeDecodeError:
        raise SettingsError(Problem("not UTF-8", where=str(path))) from None


def _text(content: bytes) -> str:
    """As text files are read, with any line ends. Raises UnicodeDecodeError."""
    return content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _place(name: str, node: Node) -> str:
    return f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


class _Reader:
    """One walk over the nodes of a file."""

    def __init__(self, path: FilePath, loader: yaml.SafeLoader, lookup: Lookup, reader: SourceReader) -> None:
        self._reader = reader
        self._path = path
        self._loader = loader
        self._lookup = lookup
        self._layer = Layer()
        self._problems: list[Problem] = []
        self._nodes = 0

    def read(self, root: MappingNode) -> tuple[Layer, list[Problem]]:
        data = self._mapping(root, ())
        self._layer.data = {key: value for key, value in data.items() if value is not None}
        return self._layer, self._problems

    def _value(self, node: Node, path: Path) -> Any:
        self._nodes += 1
        if len(path) > MAX_DEPTH or self._nodes > MAX_NODES:
            raise SettingsError(Problem("too deep or too large", dotted(path), self._where(node)))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return self._sequence(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and name != "<<":
                self._problems.append(Problem("given twice", dotted((*path, name)), self._where(key)))
            seen.add(name)
        self._loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._problems.append(Problem("a key must be a plain word", dotted(path), self._where(key)))
                continue
            here = (*path, key.value)
            self._layer.origins[here] = self._where(key)
            result[key.value] = self._value(value, here)
        return result

    def _sequence(self, node: SequenceNode, path: Path) -> list[Any]:
        result = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            self._layer.origins[here] = self._where(item)
            result.append(self._value(item, here))
        return result

    def _scalar(self, node: Node, path: Path) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError:
            value = node.value  # looks like a date and is none (2026-13-01): the schema says what it should be
        if not isinstance(value, str):
            return value if isinstance(value, int | float | bool | None) else node.value
        if value.startswith("env:"):
            return self._from_environment(value.removeprefix("env:").strip(), node, path)
        if value.startswith("file:"):
            return self._from_file(value.removeprefix("file:").strip(), node, path)
        return value

    def _from_environment(self, name: str, node: Node, path: Path) -> str:
        self._layer.references[path] = name
        value = self._lookup(name)
        if value is None:
            self._problems.append(Problem(f"environment variable {name} is not set", dotted(path), self._where(node)))
            return ""
        return value

    def _from_file(self, name: str, node: Node, path: Path) -> str:
        """Relative to the configuration file. A trailing line end is not part of the secret."""
        file = self._path.parent / name
        try:
            content = self._reader.read(file)
            if len(content) > MAX_BYTES:
                raise OSError(errno.EFBIG, "File too large")
            return _text(content).rstrip("\n")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
            self._problems.append(Problem(f"file {name} can't be read: {reason}", dotted(path), self._where(node)))
            return ""

    def _where(self, node: Node) -> str:
        return _place(self._path.name, node)
