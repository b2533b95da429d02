"""Lines for what is configured but not built in this version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.settings.root import Settings

_SECTIONS = {
    "budgets": "nothing is refused for its cost",
    "audit": "no audit events are written",
    "masking": "nothing is masked",
    "agents": "there are no agent routes",
}


def lines_of(settings: Settings) -> list[str]:
    return [*_sections(settings), *_single(settings)]


def _sections(settings: Settings) -> Iterator[str]:
    for name, consequence in _SECTIONS.items():
        if name in settings.model_fields_set:
            yield f"{name}: not available yet, the section is read but {consequence}"


def _single(settings: Settings) -> Iterator[str]:
    if settings.telemetry.tracing.endpoint is not None:
        yield "telemetry.tracing: not available yet, no spans are exported; X-Trace-ID continues the caller's trace"
    if settings.stores.audit:
        yield "stores.audit: not available yet, no audit events are written"
    if settings.cache.enabled and settings.cache.l2.enabled and settings.l2_url is None:
        yield "cache.l2: on, but there is no stores.redis: answers are cached in the process only"
