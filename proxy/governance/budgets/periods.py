"""Periods of budgets: UTC days and months, start inclusive, and for ever; and the names of their counters."""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from proxy.core.entities import Entity, EntityType

Period = Literal["monthly", "daily", "total"]
PERIODS: tuple[Period, ...] = get_args(Period)
TOTAL = "total"
FOREVER = 253_402_214_400.0
"""The last day of the year 9999, which is as far as stored times go."""


def counter(entity: Entity, period: Period, now: float) -> tuple[str, float | None]:
    """Its name, `TENANT:acme:2026-11`, and when it ends (unix seconds; None: never)."""
    if period == "total":
        return f"{entity.type}:{entity.id}:{TOTAL}", None
    moment = datetime.fromtimestamp(now, UTC)
    name = f"{moment:%Y-%m}" if period == "monthly" else f"{moment:%Y-%m-%d}"
    return f"{entity.type}:{entity.id}:{name}", _span(name)[1]


def of_counter(key: str, tenant: str) -> tuple[Entity, Period, float, float]:
    """What a counter's name says: whose it is, its period, and from when until when it counts (unix seconds)."""
    type_, _, rest = key.partition(":")
    id_, _, name = rest.rpartition(":")
    entity = Entity(_TYPES[type_], id_, tenant)
    if name == TOTAL:
        return entity, "total", 0.0, FOREVER
    return entity, "monthly" if len(name) == 7 else "daily", *_span(name)


def _span(name: str) -> tuple[float, float]:
    year, month, *day = (int(part) for part in name.split("-"))
    begin = datetime(year, month, day[0] if day else 1, tzinfo=UTC)
    end = begin + timedelta(days=1) if day else (begin + timedelta(days=32)).replace(day=1)
    return begin.timestamp(), end.timestamp()


_TYPES: dict[str, EntityType] = {name: name for name in get_args(EntityType)}
