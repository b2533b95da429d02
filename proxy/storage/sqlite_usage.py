"""The ledger in the SQLite file of the record store, by a connection of its own."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from proxy.core.clock import utc_iso
from proxy.core.entities import Entity
from proxy.storage import usage_rows as rows
from proxy.storage.sqlite_file import SqliteFile
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords, UsageSum, decode

ROWS_AT_ONCE = 250
"""Of one statement: SQLite works on all of them without Python's lock, which a statement a row would take and give back each time, in the
way of the event loop (a third of a request's CPU, measured)."""
_ROWS = (ROWS_AT_ONCE, 64, 16, 4, 1)
"""The numbers of rows that statements have. With a statement for each number, 128 of them would stay prepared (12 MB, measured), and most
deliveries would prepare a new one."""
_SUMS = "count(*), " + ", ".join(f"sum(u.{name})" for name in rows.SUMMED)
_SUMS += ", coalesce(sum(u.cost_nanos), 0), sum(u.cost_nanos IS NULL), sum(u.failed)"
_GET = "SELECT body FROM usage_records WHERE id = ?"
_PLACE = "SELECT at, id FROM usage_records WHERE id = ?"
_PURGE = "DELETE FROM usage_records WHERE id IN (SELECT id FROM usage_records WHERE at < ? LIMIT ?)"
PURGED_AT_ONCE = 500


class SqliteUsage(SqliteFile):
    """Each delivery is on the disk when it has been taken (`synchronous = FULL`): the spool lets it go then, and a power cut
    must not take it. That is one sync a second, in a thread."""

    cache_kb = 8000
    """Each key has a place of its own in the index by key, and ids of older releases are random: with those it was 24 us a row where 2 MB
    took 35, at 90 000 rows."""

    async def add(self, records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> int:
        values: list[tuple[Any, ...]] = []
        for begin in range(0, len(records), rows.MADE_A_TURN):
            if begin:
                await asyncio.sleep(0)
            some = slice(begin, begin + rows.MADE_A_TURN)
            values += rows.rows_of(records[some], bodies[some])

        def insert(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            connection.execute("BEGIN IMMEDIATE")
            try:
                at = 0
                while at < len(values):
                    count = next(count for count in _ROWS if count <= len(values) - at)
                    connection.execute(_insert(count), list(chain.from_iterable(values[at : at + count])))
                    at += count
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            return connection.total_changes - before

        return await self._run(insert) if values else 0

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        where = f"{rows.column_of(entity)} = ? AND {rows.tenants_of(entity).format('?')} AND at >= ? AND at < ?"
        query = f"SELECT coalesce(sum(cost_nanos), 0) FROM usage_records WHERE {where}"  # noqa: S608 - columns are constants
        given = (entity.id, entity.tenant, utc_iso(since), utc_iso(until))
        return await self._run(lambda connection: int(connection.execute(query, given).fetchone()[0]))

    async def sums(
        self, by: Sequence[GroupBy], *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> list[UsageSum]:
        rows.check_groups(by)
        columns = [_group(name) for name in by]
        where, given = _where(rows.check_filters(filters), since, until)
        tags = ", json_each(CASE u.tags WHEN '[]' THEN '[\"\"]' ELSE u.tags END) AS t" if "tag" in by else ""
        query = f"SELECT {', '.join([*columns, _SUMS])} FROM usage_records AS u{tags} WHERE {where}"  # noqa: S608 - constants
        if columns:
            query += f" GROUP BY {', '.join(columns)} ORDER BY {', '.join(columns)}"
        found = await self._run(lambda connection: connection.execute(f"{query} LIMIT ?", (*given, limit)).fetchall())
        return [rows.sum_of(row, len(columns)) for row in found if row[len(columns)]]

    async def list(
        self, *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 1000, after: str = ""
    ) -> list[UsageRecord]:
        where, given = _where(rows.check_filters(filters), since, until)

        def select(connection: sqlite3.Connection) -> list[UsageRecord]:
            behind, place = "", ()
            if after and (found := connection.execute(_PLACE, (after,)).fetchone()) is not None:
                behind, place = " AND (u.at, u.id) > (?, ?)", found
            query = f"SELECT u.body FROM usage_records AS u WHERE {where}{behind} ORDER BY u.at, u.id LIMIT ?"  # noqa: S608 - constants
            return [decode(row[0]) for row in connection.execute(query, (*given, *place, limit))]

        return await self._run(select)

    async def get(self, id_: str) -> UsageRecord | None:
        row = await self._run(lambda connection: connection.execute(_GET, (id_,)).fetchone())
        return None if row is None else decode(row[0])

    async def purge(self, before: float) -> int:
        gone = 0
        while True:
            count = await self._run(lambda connection: connection.execute(_PURGE, (utc_iso(before), PURGED_AT_ONCE)).rowcount)
            gone += count
            if count < PURGED_AT_ONCE:
                return gone


def _insert(count: int) -> str:
    row = f"({', '.join('?' * len(rows.COLUMNS))})"
    return f"INSERT INTO usage_records ({', '.join(rows.COLUMNS)}) VALUES {', '.join([row] * count)} ON CONFLICT (id) DO NOTHING"  # noqa: S608


def _group(name: GroupBy) -> str:
    return {"day": "substr(u.at, 1, 10)", "tag": "t.value"}.get(name, f"u.{rows.GROUPS[name]}")


def _where(filters: Mapping[str, str], since: float, until: float) -> tuple[str, list[Any]]:
    where, given = ["u.at >= ?", "u.at < ?"], [utc_iso(since), utc_iso(until)]
    for name, value in filters.items():
        if name == "tag":
            where.append("EXISTS (SELECT 1 FROM json_each(u.tags) AS f WHERE f.value = ?)")
        else:
            where.append(f"u.{rows.FILTERS[name]} = ?")
        given.append(value)
    return " AND ".join(where), given


_: type[UsageRecords] = SqliteUsage
