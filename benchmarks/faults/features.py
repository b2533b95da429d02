"""Which rows this version of the gateway can show: asked of its own settings, never listed here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxy.settings.errors import SettingsError
from proxy.settings.loading import load_settings
from proxy.settings.not_yet import lines_of

Config = Mapping[str, Any]


def merged(*layers: Config) -> dict[str, Any]:
    """Each further layer over those before; lists are replaced."""
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = found.get(key)
            found[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return found


def paths(config: Config, prefix: str = "") -> Iterator[str]:
    """`models.bench.strategy` of each value that is no mapping."""
    for key, value in config.items():
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping) and value:
            yield from paths(value, path)
        else:
            yield path


def missing(whole: Config, essential: Config) -> str:
    """Why a configuration cannot be had in this version; empty when it can. `essential`: the part of it that the row is about: what is
    announced as not built yet counts there only."""
    try:
        settings = load_settings(None, environ={}, dotenv=None, overrides=whole)
    except SettingsError as exc:
        problem = exc.problems[0]
        return f"{problem.path}: {problem.message.partition(';')[0]}"
    about = list(paths(essential))
    for line in lines_of(settings):
        subject = line.partition(":")[0]
        if any(path == subject or path.startswith(subject + ".") for path in about):
            return line
    return ""


def with_optional(whole: Config, optional: Sequence[Config]) -> dict[str, Any]:
    """`whole` with those parts that this version's settings know."""
    found = merged(whole)
    for part in optional:
        tried = merged(found, part)
        try:
            load_settings(None, environ={}, dotenv=None, overrides=tried)
        except SettingsError:
            continue
        found = tried
    return found
