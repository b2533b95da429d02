"""Gathers all sources into one layer. The only place that looks at the process's environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path as FilePath
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel

from proxy.settings.cognito import cognito_layer
from proxy.settings.env import Environment, named_layer, nested_layer, provider_layer, without_effect
from proxy.settings.errors import Path, Problem, SettingsError
from proxy.settings.layers import Layer, merge
from proxy.settings.sources import SourceReader, Sources

SECTIONS = frozenset(
    [
        "environment",
        "demo",
        "insecure",
        "server",
        "auth",
        "stores",
        "providers",
        "models",
        "routing",
        "fetch",
        "cache",
        "limits",
        "budgets",
        "idempotency",
        "prices",
        "audit",
        "masking",
        "agents",
        "responses",
        "telemetry",
        "usage",
    ]
)
"""The top level of `Settings`."""
DOTENV = FilePath(".env")


@dataclass
class Reading:
    """`layer`: all sources merged. `problems`: found before the schema sees it."""

    layer: Layer = field(default_factory=Layer)
    problems: list[Problem] = field(default_factory=list)
    without_effect: list[str] = field(default_factory=list)
    file: FilePath | None = None
    sources: Sources = field(default_factory=Sources)


def read_everything(
    arguments: Mapping[str, Any],
    *,
    path: FilePath | None = None,
    environ: Mapping[str, str] | None = None,
    dotenv: FilePath | None = DOTENV,
    reader: SourceReader | None = None,
) -> Reading:
    """`path`: the YAML file; None: that of LLM_EDGE_CONFIG, if set. `environ`: None: the process's own. `dotenv`: None: no such file.
    `reader`: by which files are read; what it has read is known to it also when this raises."""
    reader = reader or SourceReader()
    env = Environment(os.environ if environ is None else environ, _dotenv(dotenv, reader))
    named_file = env.get("LLM_EDGE_CONFIG")
    file = path if path is not None else FilePath(named_file) if named_file else None
    file_layer, problems = _file_layer(file, env, reader)
    nested, nested_problems = nested_layer(env, SECTIONS)
    given = _argument_layer(arguments)
    named = named_layer(env)
    _keep_explicit_references(named, file_layer)
    sources = [file_layer, named, nested, given]
    if any(layer.get(("demo",)) in (True, "true", "1") for layer in sources):
        sources = [*sources[:-1], _demo_layer(sources), given]
    elif not file_layer.get(("providers",)) and not given.get(("providers",)):
        sources = [provider_layer(env), *sources]
    if not any(layer.get(("auth", "jwt")) for layer in sources):
        sources = [cognito_layer(env.get, env.origin), *sources]
    merged = merge(sources)
    return Reading(merged, problems + nested_problems, without_effect(env), file, Sources(reader.texts, _watched(merged)))


def _watched(layer: Layer) -> tuple[str, ...]:
    """Files that the settings name and that are read when they come into force."""
    providers = layer.get(("providers",))
    paths: list[Path] = [("server", "tls", "cert"), ("server", "tls", "key")]
    paths += [("providers", name, "ca_file") for name in (providers if isinstance(providers, dict) else {})]
    return tuple(str(value) for path in paths if isinstance(value := layer.get(path), str | FilePath))


def _file_layer(file: FilePath | None, env: Environment, reader: SourceReader) -> tuple[Layer, list[Problem]]:
    if file is None:
        return Layer(), []
    from proxy.settings.files import read_file  # a start without a file is spared the 40 ms that yaml takes to import

    return read_file(file, env.get, reader)


def _dotenv(path: FilePath | None, reader: SourceReader) -> dict[str, str]:
    """Taken literally: a `$` in a secret is a `$`."""
    if path is None:
        return {}
    try:
        values = dotenv_values(stream=StringIO(reader.read(path).decode("utf-8"), newline=None), interpolate=False)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(Problem(f"can't be read: {type(exc).__name__}", where=str(path))) from None
    return {name: value for name, value in values.items() if value is not None}


def _keep_explicit_references(named: Layer, file_layer: Layer) -> None:
    """Where the file itself says `env:NAME`, it has placed that variable: `static_keys: [env:API_KEYS, env:MORE]` stays whole."""
    for path, name in list(named.references.items()):
        if any(place[: len(path)] == path and other == name for place, other in file_layer.references.items()):
            named.drop(path)


def _argument_layer(arguments: Mapping[str, Any]) -> Layer:
    data = {name: _plain(value) for name, value in arguments.items() if value is not None}
    origins: dict[Path, str] = {(name,): "argument" for name in data}
    return Layer(data, origins)


def _plain(value: Any) -> Any:
    """Section objects as the mappings that they were made of, so that they merge like the rest."""
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in value.model_fields_set}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _demo_layer(sources: list[Layer]) -> Layer:
    """What `--demo` means. It lies over the environment, so that no key found there is spent; arguments win over it."""
    layer = Layer()
    layer.put(("server", "host"), "127.0.0.1", "demo")
    layer.put(("stores", "records"), "memory://", "demo")
    if not any(source.get(("providers",)) for source in sources):
        layer.put(("providers", "echo", "kind"), "echo", "demo")
    return layer
