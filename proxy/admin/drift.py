"""How what is in force differs from the configuration, and what of the overlays has no place in it any more."""

from collections.abc import Mapping
from typing import Any

from proxy.core.clock import utc_iso
from proxy.settings import ModelSettings, Settings
from proxy.storage.overlays import DrainOverlay, Overlays, WeightOverlay


def known_target(settings: Settings, target: str) -> bool:
    """Whether requests may go to it: listed by an entry, or of a provider that serves names as asked."""
    provider, _, model = target.partition("/")
    if provider not in settings.providers or not model:
        return False
    listed = [t for entry in settings.models.values() for t in entry.targets if t.provider == provider]
    return not settings.models or any(t.model in (None, model) for t in listed)


def target_ids(model: ModelSettings) -> tuple[str, ...]:
    """By which weights are given; `provider/*` for a target that serves the name as asked."""
    return tuple(f"{t.provider}/{t.model or '*'}" for t in model.targets)


def knows_weights(strategy: str) -> bool:
    """Of strategies of one's own nobody knows."""
    return strategy == "weighted" or strategy.startswith("own:")


def stale_weights(settings: Settings, name: str, overlay: WeightOverlay) -> tuple[str, ...]:
    """Ids that the entry does not have (any more); all of them where there is no such entry, or its strategy knows no weights."""
    model = settings.models.get(name)
    if model is None or not knows_weights(settings.strategy_of(model)):
        return tuple(overlay.weights)
    return tuple(target for target in overlay.weights if target not in target_ids(model))


def drift(settings: Settings, overlays: Overlays) -> dict[str, Any]:
    """For `/health`, `config show` and the admin API."""
    return {
        "version": overlays.version,
        "weights": {name: _weights(settings, name, overlay) for name, overlay in sorted(overlays.weights.items())},
        "drained": {
            target: {**_who(overlay), "stale": not known_target(settings, target)} for target, overlay in sorted(overlays.drained.items())
        },
    }


def summary(settings: Settings, overlays: Overlays) -> dict[str, Any]:
    """The same for everybody's eyes: names alone."""
    stale = [f"{name}: {target}" for name, overlay in overlays.weights.items() for target in stale_weights(settings, name, overlay)]
    stale += [target for target in overlays.drained if not known_target(settings, target)]
    return {"version": overlays.version, "weights": sorted(overlays.weights), "drained": sorted(overlays.drained), "stale": sorted(stale)}


def _weights(settings: Settings, name: str, overlay: WeightOverlay) -> dict[str, Any]:
    return {
        "configured": _configured(settings, name),
        "weights": overlay.weights,
        **_who(overlay),
        "stale": list(stale_weights(settings, name, overlay)),
    }


def _configured(settings: Settings, name: str) -> Mapping[str, float]:
    model = settings.models.get(name)
    return {} if model is None else {target: t.weight for target, t in zip(target_ids(model), model.targets, strict=True)}


def _who(overlay: WeightOverlay | DrainOverlay) -> dict[str, Any]:
    return {"version": overlay.version, "by": overlay.by, "at": utc_iso(overlay.at)}
