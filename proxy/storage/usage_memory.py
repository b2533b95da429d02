"""The ledger in a dict: for the demo and for tests. Lost with the process, and bounded."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.core.clock import utc_iso
from proxy.core.entities import Entity
from proxy.core.errors import Unavailable
from proxy.storage import usage_rows as rows
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords, UsageSum, own

MAX_RECORDS = 50_000


class MemoryUsage:
    """`max_records`: the oldest go when it is reached. `fail(True)` makes every call raise Unavailable until `fail(False)`: the supported
    switch for outage tests."""

    def __init__(self, *, max_records: int = MAX_RECORDS) -> None:
        self._records: dict[str, UsageRecord] = {}
        self._max_records = max_records
        self._failing = False
        self._closed = False

    def fail(self, failing: bool) -> None:
        self._failing = failing

    async def add(self, records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> int:
        self._check()
        new = [record for record in records if record.id not in self._records]
        for record in new:
            self._records.setdefault(record.id, record)
        while len(self._records) > self._max_records:
            del self._records[next(iter(self._records))]
        return len({record.id for record in new})

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        self._check()
        column = rows.column_of(entity)
        found = self._found({}, since, until)
        shared = rows.shared(entity)
        found = [r for r in found if r.tenant == entity.tenant or (shared and own(r))]
        return sum(r.cost_nanos or 0 for r in found if _column(r, column) == entity.id)

    async def sums(
        self, by: Sequence[GroupBy], *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> list[UsageSum]:
        self._check()
        rows.check_groups(by)
        groups: dict[tuple[str, ...], list[UsageRecord]] = {}
        for record in self._found(rows.check_filters(filters), since, until):
            for tag in (record.tags or ("",)) if "tag" in by else ("",):
                key = tuple([tag if name == "tag" else _group(record, name) for name in by])
                groups.setdefault(key, []).append(record)
        return [_sum_of(key, groups[key]) for key in sorted(groups)][:limit]

    async def list(
        self, *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 1000, after: str = ""
    ) -> list[UsageRecord]:
        self._check()
        found = sorted(self._found(rows.check_filters(filters), since, until), key=lambda r: (utc_iso(r.at), r.id))
        if after in self._records:
            last = self._records[after]
            found = [r for r in found if (utc_iso(r.at), r.id) > (utc_iso(last.at), last.id)]
        return found[:limit]

    async def get(self, id_: str) -> UsageRecord | None:
        self._check()
        return self._records.get(id_)

    async def purge(self, before: float) -> int:
        self._check()
        old = [id_ for id_, record in self._records.items() if utc_iso(record.at) < utc_iso(before)]
        for id_ in old:
            del self._records[id_]
        return len(old)

    async def aclose(self) -> None:
        self._closed = True

    def _found(self, filters: Mapping[str, str], since: float, until: float) -> Sequence[UsageRecord]:
        begin, end = utc_iso(since), utc_iso(until)
        return [r for r in self._records.values() if begin <= utc_iso(r.at) < end and all(_is(r, *item) for item in filters.items())]

    def _check(self) -> None:
        if self._closed or self._failing:
            raise Unavailable("the record store is not available", retry_after_s=1.0)


def _is(record: UsageRecord, name: str, value: str) -> bool:
    return value in record.tags if name == "tag" else _column(record, rows.FILTERS[name]) == value


def _group(record: UsageRecord, name: GroupBy) -> str:
    return utc_iso(record.at)[:10] if name == "day" else _column(record, rows.GROUPS[name])


def _column(record: UsageRecord, column: str) -> str:
    return str(dict(zip(rows.COLUMNS, rows.row_of(record, ""), strict=True))[column])


def _sum_of(group: tuple[str, ...], records: Sequence[UsageRecord]) -> UsageSum:
    sums: dict[str, Any] = {name: sum(getattr(record, name) for record in records) for name in rows.SUMMED}
    return UsageSum(
        group=group,
        requests=len(records),
        cost_nanos=sum(record.cost_nanos or 0 for record in records),
        unpriced=sum(record.cost_nanos is None for record in records),
        errors=sum(record.status not in ("ok", "cancelled") for record in records),
        **sums,
    )


_: type[UsageRecords] = MemoryUsage
