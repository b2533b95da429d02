"""What `doctor` says of prices: how old the catalogue is, and which configured targets have no price."""

from collections.abc import Iterator

from proxy.providers.catalog import Catalog, load_catalog
from proxy.settings import Settings

OLD_DAYS = 90
"""Providers change prices several times a year."""


def stale(catalog: Catalog, now: float) -> str | None:
    """A line where the oldest file of prices was checked too long ago; `now` in Unix seconds."""
    age = catalog.age_days(now)
    if age <= OLD_DAYS:
        return None
    oldest = min(catalog.files.values(), key=lambda file: file.checked)
    checked = f"{age} days ago ({oldest.checked})"
    return f"the catalogue's prices of {oldest.provider} were checked {checked}: upgrade, or set your own under `prices`"


def unpriced(settings: Settings, catalog: Catalog) -> Iterator[str]:
    """A line for each target of `models:` whose calls would have no known cost. Targets that take the client's name are not known yet
    where that is a pattern."""
    seen = set()
    for name, model in settings.models.items():
        for target in model.targets:
            provider = settings.providers[target.provider]
            at_provider = target.model or name
            if provider.price == "free" or (target.provider, at_provider) in seen:
                continue
            if target.model is None and ("*" in name or "?" in name):
                continue
            seen.add((target.provider, at_provider))
            known = catalog.find(provider.kind, at_provider, provider=target.provider, prefix=provider.model_prefix or "")
            if not known.priced:
                reason = known.reason or "there is a price, but none of its input"
                yield f"the cost of {target.provider}/{at_provider} is not known: {reason}"


def price_lines(settings: Settings, now: float) -> tuple[str, list[str]]:
    """(what there is, what is wrong with it)."""
    catalog = load_catalog(settings.prices)
    old = stale(catalog, now)
    dates = ", ".join(f"{file.provider} {file.checked}" for file in catalog.files.values())
    own = f"; own prices of {len(settings.prices)} models" if settings.prices else ""
    return f"catalogue of {dates}{own}", [*([old] if old is not None else []), *unpriced(settings, catalog)]
