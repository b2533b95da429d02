"""What the ledgers over SQL and in memory have in common: a record's columns, and how filters and groups name them."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.core.clock import utc_iso
from proxy.core.entities import Entity, EntityType
from proxy.core.errors import BadRequest
from proxy.storage.plans import SYSTEM
from proxy.storage.usage import GroupBy, UsageRecord, UsageSum, body_of, encode

COLUMNS = (
    "id", "at", "tenant", "key_id", "user", "service", "team", "project", "asked", "provider", "model", "agent", "tags", "failed",
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "cost_nanos", "body",
)  # fmt: skip
SUMMED = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
GROUPS: dict[GroupBy, str] = {
    "key": "key_id",
    "user": "user",
    "team": "team",
    "tenant": "tenant",
    "model": "asked",
    "provider": "provider",
    "tag": "tag",
    "day": "day",
    "agent": "agent",
}
"""Name in a report → column; `tag` and `day` are made from columns."""
FILTERS = {name: column for name, column in GROUPS.items() if name != "day"} | {
    "project": "project",
    "service": "service",
    "served": "model",
}
ENTITY_COLUMNS: dict[EntityType, str] = {
    "API_KEY": "key_id",
    "USER": "user",
    "SERVICE": "service",
    "DEPARTMENT": "team",
    "PROJECT": "project",
    "TENANT": "tenant",
}
MADE_A_TURN = 100
"""Rows, until the event loop looks for what else there is to do (0.1 to 0.3 ms). A thread would keep Python's lock from it for longer."""


def tenants_of(entity: Entity) -> str:
    """SQL: the records that count for it, of whichever tenants; one parameter, `entity.tenant`."""
    return "(tenant = {} OR tenant = key_id)" if shared(entity) else "tenant = {}"


def shared(entity: Entity) -> bool:
    """Whether it is that of all principals of no tenant."""
    return entity.tenant == SYSTEM and entity.type not in ("API_KEY", "TENANT")


def rows_of(records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    return [row_of(record, body) for record, body in zip(records, bodies or map(body_of, records), strict=True)]


def row_of(record: UsageRecord, body: str | None = None) -> tuple[Any, ...]:
    """In the order of COLUMNS. `body`: the record encoded, if that is at hand."""
    ids = {entity.type: entity.id for entity in reversed(record.entities)}
    return (
        record.id,
        utc_iso(record.at),
        record.tenant,
        record.key_id,
        ids.get("USER", ""),
        ids.get("SERVICE", ""),
        ids.get("DEPARTMENT", ""),
        ids.get("PROJECT", ""),
        record.asked,
        record.provider,
        record.model,
        record.agent,
        encode(record.tags).decode() if record.tags else "[]",
        int(record.status not in ("ok", "cancelled")),
        record.input_tokens,
        record.cache_read_tokens,
        record.cache_write_tokens,
        record.output_tokens,
        record.cost_nanos,
        body_of(record) if body is None else body,
    )


def sum_of(row: Sequence[Any], groups: int) -> UsageSum:
    """A row of sums: so many groups, then count, the tokens of SUMMED, cost, unpriced, errors."""
    requests, input_, read, write, output, cost, unpriced, errors = map(int, row[groups:])
    return UsageSum(
        group=tuple(str(value) for value in row[:groups]),
        requests=requests,
        input_tokens=input_,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=output,
        cost_nanos=cost,
        unpriced=unpriced,
        errors=errors,
    )


def check_groups(by: Sequence[str]) -> None:
    """Raises BadRequest naming the parameter."""
    for name in by:
        if name not in GROUPS:
            raise BadRequest(f"unknown group '{name[:40]}': one of {', '.join(GROUPS)}", param="by")


def check_filters(filters: Mapping[str, str] | None) -> Mapping[str, str]:
    """Raises BadRequest naming the parameter."""
    for name in filters or {}:
        if name not in FILTERS:
            raise BadRequest(f"unknown filter: one of {', '.join(FILTERS)}", param=name[:40])
    return filters or {}


def column_of(entity: Entity) -> str:
    return ENTITY_COLUMNS[entity.type]
