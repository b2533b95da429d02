"""The ledger in Postgres."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proxy.core.clock import utc_iso
from proxy.core.entities import Entity
from proxy.storage import usage_rows as rows
from proxy.storage.postgres import Connection, PostgresStore, Row
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords, UsageSum, body_of, decode

_COLUMNS = ", ".join(f'"{name}"' for name in rows.COLUMNS)
_CASTS = {"at": "timestamptz", "tags": "jsonb", "failed": "smallint", "body": "json", "cost_nanos": "bigint"}
_CASTS |= dict.fromkeys(rows.SUMMED, "bigint")
INSERT = (
    f"INSERT INTO usage_records ({_COLUMNS}) SELECT "  # noqa: S608 - constants
    + ", ".join(f'r."{name}"::{_CASTS.get(name, "text")}' for name in rows.COLUMNS)
    + " FROM json_to_recordset(%s) AS r ("
    + ", ".join(f'"{name}" text' for name in rows.COLUMNS)
    + ") ON CONFLICT (id) DO NOTHING"
)
"""All records in one statement, so all or none, and as one document: an array a column took the event loop three times as long."""
_SUMS = "count(*), " + ", ".join(f"sum(u.{name})" for name in rows.SUMMED)
_SUMS += ", coalesce(sum(u.cost_nanos), 0), count(*) FILTER (WHERE u.cost_nanos IS NULL), sum(u.failed)"
_TAGS = " CROSS JOIN LATERAL jsonb_array_elements_text(CASE WHEN u.tags = '[]' THEN '[\"\"]'::jsonb ELSE u.tags END) AS t (value)"
GET = "SELECT body FROM usage_records WHERE id = %s"
PLACE = "SELECT at, id FROM usage_records WHERE id = %s"
PURGE = "DELETE FROM usage_records WHERE id IN (SELECT id FROM usage_records WHERE at < %s LIMIT %s FOR UPDATE SKIP LOCKED)"
PURGED_AT_ONCE = 1000
_json = msgspec.json.Encoder().encode
_MAX = 2**63 - 1
"""Of a bigint: no meter of a real call comes near it, and a false one must not keep the others from being stored."""


class PostgresUsage(PostgresStore):
    async def add(self, records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> int:
        """In the order of ids: two gateways that deliver the same in different orders would wait for one another."""
        if not records:
            await self._run(_nothing)
            return 0
        pairs = sorted(zip(records, bodies or map(body_of, records), strict=True), key=lambda pair: pair[0].id)
        pieces = []
        for begin in range(0, len(pairs), rows.MADE_A_TURN):
            if begin:
                await asyncio.sleep(0)
            some = rows.rows_of(*zip(*pairs[begin : begin + rows.MADE_A_TURN], strict=True))
            pieces.append(_json([_row(row) for row in some])[1:-1])
        return await self._changed(INSERT, f"[{b','.join(pieces).decode()}]")

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        where = f'"{rows.column_of(entity)}" = %s AND {rows.tenants_of(entity).format("%s")} AND at >= %s AND at < %s'
        query = f"SELECT coalesce(sum(cost_nanos), 0) FROM usage_records WHERE {where}"  # noqa: S608 - columns are constants
        return int((await self._report(query, entity.id, entity.tenant, utc_iso(since), utc_iso(until)))[0][0])

    async def sums(
        self, by: Sequence[GroupBy], *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> list[UsageSum]:
        rows.check_groups(by)
        columns = [_group(name) for name in by]
        where, given = _where(rows.check_filters(filters), since, until)
        tags = _TAGS if "tag" in by else ""
        query = f"SELECT {', '.join([*columns, _SUMS])} FROM usage_records AS u{tags} WHERE {where}"  # noqa: S608 - constants
        if columns:
            places = ", ".join(str(place + 1) for place in range(len(columns)))
            query += f" GROUP BY {places} ORDER BY {places}"
        found = await self._report(f"{query} LIMIT %s", *given, limit)
        return [rows.sum_of(row, len(columns)) for row in found if row[len(columns)]]

    async def list(
        self, *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 1000, after: str = ""
    ) -> list[UsageRecord]:
        where, given = _where(rows.check_filters(filters), since, until)
        behind: Row = tuple((await self._rows(PLACE, after) or [()])[0]) if after else ()
        more = " AND (u.at, u.id) > (%s, %s)" if behind else ""
        query = f"SELECT u.body FROM usage_records AS u WHERE {where}{more} ORDER BY u.at, u.id LIMIT %s"  # noqa: S608 - constants
        return [decode(row[0]) for row in await self._report(query, *given, *behind, limit)]

    async def get(self, id_: str) -> UsageRecord | None:
        found = await self._rows(GET, id_)
        return decode(found[0][0]) if found else None

    async def purge(self, before: float) -> int:
        gone = 0
        while True:
            count = await self._changed(PURGE, utc_iso(before), PURGED_AT_ONCE)
            gone += count
            if count < PURGED_AT_ONCE:
                return gone


async def _nothing(connection: Connection) -> None:
    """A store that is lost says so even then."""


def _row(values: Row) -> dict[str, Any]:
    """A NUL, which Postgres has none of, is U+FFFD in columns and stays what it was in the body."""
    row = dict(zip(rows.COLUMNS, values, strict=True))
    for name, value in row.items():
        if isinstance(value, int):
            row[name] = max(-_MAX, min(value, _MAX))
        elif value is not None and name != "body" and ("\0" in value or "\\u0000" in value):
            row[name] = value.replace("\0", "\ufffd").replace("\\u0000", "\\ufffd")
    return row


def _group(name: GroupBy) -> str:
    made = {"day": "to_char(u.at AT TIME ZONE 'UTC', 'YYYY-MM-DD')", "tag": 't.value COLLATE "C"'}
    return made.get(name) or f'u."{rows.GROUPS[name]}"'


def _where(filters: Mapping[str, str], since: float, until: float) -> tuple[str, list[Any]]:
    where, given = ["u.at >= %s", "u.at < %s"], [utc_iso(since), utc_iso(until)]
    for name, value in filters.items():
        where.append("jsonb_exists(u.tags, %s)" if name == "tag" else f'u."{rows.FILTERS[name]}" = %s')
        given.append(value)
    return " AND ".join(where), given


_: type[UsageRecords] = PostgresUsage
