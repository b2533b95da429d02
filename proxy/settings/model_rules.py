"""What the entries of `models` must keep among each other. Each rule yields (path, message)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from proxy.settings.errors import Path
from proxy.settings.suggest import did_you_mean

if TYPE_CHECKING:
    from proxy.settings.models import ModelSettings, TargetSettings
    from proxy.settings.root import Settings

Broken = Iterator[tuple[Path, str]]

_FALLBACKS: tuple[tuple[str, Callable[[ModelSettings], tuple[str, ...]]], ...] = (
    ("fallbacks", lambda model: model.fallbacks),
    ("context_window_fallbacks", lambda model: model.context_window_fallbacks),
    ("content_policy_fallbacks", lambda model: model.content_policy_fallbacks),
)


def model_rules(settings: Settings) -> Broken:
    for name, model in settings.models.items():
        yield from _targets(settings, name, model)
        yield from _weights(name, model)
        yield from _content(name, model)
        yield from _hedge(name, model)
        yield from _names(settings, name, model)
    for field, of in _FALLBACKS:
        yield from _cycles(settings, field, of)


def _targets(settings: Settings, name: str, model: ModelSettings) -> Broken:
    seen: dict[tuple[str, str | None], int] = {}
    for index, target in enumerate(model.targets):
        if target.provider not in settings.providers:
            hint = did_you_mean(target.provider, settings.providers)
            yield ("models", name, "targets", index, "provider"), f'no provider "{target.provider}"{hint}'
        first = seen.setdefault((target.provider, target.model), index)
        if first != index:
            yield ("models", name, "targets", index), f"the same target as targets[{first}]: {_id(target)}"


def _weights(name: str, model: ModelSettings) -> Broken:
    if not any(target.weight for target in model.targets):
        yield ("models", name, "targets"), "the weights add up to 0: at least one must be above 0"


def _content(name: str, model: ModelSettings) -> Broken:
    ids = [_id(target) for target in model.targets if target.model is not None]
    as_asked = {target.provider for target in model.targets if target.model is None}
    for index, rule in enumerate(model.rules):
        for place, wanted in enumerate(rule.targets):
            if wanted not in ids and wanted.partition("/")[0] not in as_asked:
                hint = did_you_mean(wanted, ids) or f"; it has {', '.join(ids)}"
                yield ("models", name, "rules", index, "targets", place), f'this entry has no target "{wanted}"{hint}'


def _hedge(name: str, model: ModelSettings) -> Broken:
    if model.hedge is not None and model.hedge.enabled and len(model.targets) == 1:
        yield ("models", name, "hedge"), "a hedge needs a second target, and this entry has one"


def _names(settings: Settings, name: str, model: ModelSettings) -> Broken:
    """Entries that this one names."""
    named: list[tuple[Path, str]] = [((field, index), other) for field, of in _FALLBACKS for index, other in enumerate(of(model))]
    if model.shadow is not None:
        named.append((("shadow", "model"), model.shadow.model))
    for path, other in named:
        entry = _entry(settings, other)
        if entry is None and not _direct(settings, other):
            yield ("models", name, *path), f'no model "{other}"{did_you_mean(other, settings.models)}'
        elif entry == name and path[0] == "shadow":
            yield ("models", name, *path), "an entry can't be its own shadow"


def _cycles(settings: Settings, field: str, of: Callable[[ModelSettings], tuple[str, ...]]) -> Broken:
    """Each cycle once, at the fallback that closes it, as a walk from the first entry finds it."""
    done: set[str] = set()
    for start in settings.models:
        trail: list[str] = []
        walk: list[tuple[str, Iterator[tuple[int, str]]]] = []
        if start not in done:
            trail.append(start)
            walk.append((start, iter(enumerate(of(settings.models[start])))))
        while walk:
            here, rest = walk[-1]
            step = next(rest, None)
            if step is None:
                walk.pop()
                done.add(trail.pop())
                continue
            entry = _entry(settings, step[1])
            if entry in trail:
                circle = [*trail[trail.index(entry) :], entry]
                yield ("models", here, field, step[0]), f"a circle of fallbacks: {' → '.join(circle)}"
            elif entry is not None and entry not in done:
                trail.append(entry)
                walk.append((entry, iter(enumerate(of(settings.models[entry])))))


def _entry(settings: Settings, name: str) -> str | None:
    """The entry that serves a name, patterns included; as `RouteTable` finds it."""
    if name in settings.models:
        return name
    if _direct(settings, name):
        return None
    fitting = [entry for entry in settings.models if ("*" in entry or "?" in entry) and fnmatchcase(name, entry)]
    return max(fitting, key=lambda entry: len(entry.rstrip("*")), default=None)


def _direct(settings: Settings, name: str) -> bool:
    """`provider/model` of a configured provider."""
    provider, slash, model = name.partition("/")
    return bool(slash and model) and provider in settings.providers


def _id(target: TargetSettings) -> str:
    return f"{target.provider}/{target.model or '(as asked)'}"
