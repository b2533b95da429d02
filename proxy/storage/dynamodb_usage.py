"""The ledger in the AWS lab's own DynamoDB table of usage logs, with sums by entity and day in the gateway's own table.

    tenant_id (S, partition key) · usage_id (S, sort key): `{epoch}#{model}#{uuid hex}` · timestamp (N, s; index `tenant_timestamp_index`) ·
    model · input_tokens · output_tokens · total_tokens · metadata · ttl (N, s)

Ours add `record`, the whole as JSON. The items of a record (the log, what leads to it by its id, and its share of each entity's day) are
written in one transaction, so a record counts once and sums are those of the records, also when the logs are gone by their `ttl`.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from proxy.core.clock import utc_iso
from proxy.core.entities import Entity
from proxy.core.errors import Unavailable
from proxy.storage import usage_rows as rows
from proxy.storage.dynamodb import TRANSACTION, DynamoStore, Refused, expression, own_key
from proxy.storage.dynamodb_schema import TENANT_TIME_INDEX
from proxy.storage.dynamodb_values import Item, from_item, to_item
from proxy.storage.plans import SYSTEM
from proxy.storage.usage import GroupBy, UsageRecord, UsageRecords, UsageSum, decode, encode, own
from proxy.storage.usage_memory import MemoryUsage

DAY_S = 86_400
RECORDS_AT_ONCE = 12
"""Of one transaction: each has two items and up to seven entities."""
MODEL_BYTES = 900
"""Of a sort key's 1024."""
Records = list[UsageRecord]
_NO_TENANT = "-"


class DynamoUsage(DynamoStore):
    async def add(self, records: Sequence[UsageRecord], bodies: Sequence[str] = ()) -> int:
        self._check_open()
        distinct = list({record.id: record for record in reversed(records)}.values())[::-1]
        return sum([await self._add(distinct[start : start + RECORDS_AT_ONCE]) for start in range(0, len(distinct), RECORDS_AT_ONCE)])

    async def spent(self, entity: Entity, since: float, until: float) -> int:
        """Of whole days from their sums; of parts of days, and not of the last that has begun, from the logs."""
        first, last = -(-since // DAY_S) * DAY_S, until // DAY_S * DAY_S
        if until >= time.time():
            last += DAY_S
        if last <= first:
            return await self._spent_by_logs(entity, since, until)
        total = await self._spent_by_days(entity, first, last)
        for begin, end in ((since, first), (last, until)):
            if begin < end:
                total += await self._spent_by_logs(entity, begin, end)
        return total

    async def sums(
        self, by: Sequence[GroupBy], *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 10_000
    ) -> list[UsageSum]:
        """Reads every log of the period, of the tenant if there is one."""
        rows.check_groups(by)
        filters = rows.check_filters(filters)
        found = await self._held(since, until, filters.get("tenant"))
        return await found.sums(by, since=since, until=until, filters=filters, limit=limit)

    async def list(
        self, *, since: float, until: float, filters: Mapping[str, str] | None = None, limit: int = 1000, after: str = ""
    ) -> list[UsageRecord]:
        """As `sums`; what lies before `after` is not read again."""
        filters = rows.check_filters(filters)
        last = await self.get(after) if after else None
        found = await self._held(since if last is None else max(since, last.at), until, filters.get("tenant"), last)
        return await found.list(since=since, until=until, filters=filters, limit=limit, after=after)

    async def get(self, id_: str) -> UsageRecord | None:
        pointer = await self._get(_pointer(id_), "-") if id_ else None
        if pointer is None:
            return None
        key = {name: pointer[name] for name in ("tenant_id", "usage_id")}
        answer = await self._call("get_item", TableName=self._client.url.logs_table, Key=key, ConsistentRead=True)
        return _record(answer["Item"]) if "Item" in answer else None

    async def purge(self, before: float) -> int:
        """0: DynamoDB does it, by `ttl`."""
        return 0

    async def _add(self, records: Records) -> int:
        while records:
            url = self._client.url
            pointers = [{"Put": {"TableName": url.table, "Item": self._pointer_item(record), **_absent()}} for record in records]
            logs = [{"Put": {"TableName": url.logs_table, "Item": to_log_item(record, url.log_days)}} for record in records]
            days = [_day_update(url.table, pk, day, nanos) for (pk, day), nanos in _shares(records).items()]
            actions = [*pointers, *logs, *days]
            if len(actions) > TRANSACTION:
                half = len(records) // 2
                return await self._add(records[:half]) + await self._add(records[half:])
            try:
                await self._transact(*actions)
                return len(records)
            except Refused as refused:
                records = [record for place, record in enumerate(records) if place not in refused.places]
        return 0

    def _pointer_item(self, record: UsageRecord) -> Item:
        """Lives as long as what it leads to."""
        tenant_id, usage_id, ttl = _log_key(record, self._client.url.log_days)
        return own_key(_pointer(record.id), "-") | to_item({"tenant_id": tenant_id, "usage_id": usage_id, "ttl": ttl})

    async def _spent_by_days(self, entity: Entity, since: float, until: float) -> int:
        values = {"pk": _share_key(entity.tenant, entity.type, entity.id), "first": _day(since), "last": _day(until - DAY_S)}
        page = expression("#pk = :pk AND #sk BETWEEN :first AND :last", values, kind="KeyConditionExpression", pk="pk", sk="sk")
        found = await self._query(TableName=self._client.url.table, ConsistentRead=True, **page)
        return sum(int(item["nanos"]["N"]) for item in found)

    async def _spent_by_logs(self, entity: Entity, since: float, until: float) -> int:
        found = await self._held(since, until, None if rows.shared(entity) else entity.tenant)
        return await found.spent(entity, since, until)

    async def _held(self, since: float, until: float, tenant: str | None, more: UsageRecord | None = None) -> MemoryUsage:
        """What the logs of the period say, in a ledger that can be asked."""
        values = {"first": int(since), "last": int(until) + 1}
        if tenant is None:
            page = expression("#time BETWEEN :first AND :last", values, kind="FilterExpression", time="timestamp")
            items = await self._scan(self._client.url.logs_table, **page)
        else:
            text = "#tenant = :tenant AND #time BETWEEN :first AND :last"
            names = {"tenant": "tenant_id", "time": "timestamp"}
            page = expression(text, values | {"tenant": tenant or _NO_TENANT}, kind="KeyConditionExpression", **names)
            items = await self._query(TableName=self._client.url.logs_table, IndexName=TENANT_TIME_INDEX, **page)
            if any("model" not in item for item in items):
                items = await self._get_many(self._client.url.logs_table, [_key_of(item) for item in items])
        held = MemoryUsage(max_records=2**62)
        await held.add([*map(_record, items), *([more] if more is not None else [])])
        return held


def to_log_item(record: UsageRecord, log_days: int) -> Item:
    tenant_id, usage_id, ttl = _log_key(record, log_days)
    inputs = record.input_tokens + record.cache_read_tokens + record.cache_write_tokens
    fields = {
        "tenant_id": tenant_id,
        "usage_id": usage_id,
        "timestamp": int(record.at),
        "model": record.asked or record.model,
        "input_tokens": inputs,
        "output_tokens": record.output_tokens,
        "total_tokens": inputs + record.output_tokens,
        "metadata": {"request_id": record.id, "key_id": record.key_id, "provider": record.provider, "status": record.status},
        "ttl": ttl,
        "record": encode(record).decode(),
    }
    return to_item(fields)


def _log_key(record: UsageRecord, log_days: int) -> tuple[str, str, int]:
    """Always the same of a record; and when it goes."""
    second = int(record.at)
    model = (record.asked or record.model).encode("utf-8", "replace")[:MODEL_BYTES].decode("utf-8", "ignore")
    usage_id = f"{second}#{model}#{uuid5(NAMESPACE_URL, record.id).hex}"
    return record.tenant or _NO_TENANT, usage_id, second + log_days * DAY_S


def _record(item: Item) -> UsageRecord:
    """Of the lab's rows what they say. Raises Unavailable for one that nobody wrote."""
    try:
        if "record" in item:
            return decode(item["record"]["S"])
        fields = from_item(item)
        tenant = fields["tenant_id"]
        made = {
            "id": fields["usage_id"],
            "at": float(fields["timestamp"]),
            "tenant": "" if tenant == _NO_TENANT else tenant,
            "asked": fields["model"],
            "model": fields["model"],
            "input_tokens": fields.get("input_tokens", 0),
            "output_tokens": fields.get("output_tokens", 0),
            "cost_nanos": None,
        }
        return msgspec.convert(made, UsageRecord)
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as exc:
        raise Unavailable(f"the usage log {item.get('usage_id')} is unreadable: {exc}") from exc


def _shares(records: Sequence[UsageRecord]) -> dict[tuple[str, str], int]:
    """(Partition, day) → nano-USD: each entity's of each day, so that a transaction has each item once."""
    found: dict[tuple[str, str], int] = {}
    for record in records:
        if not record.cost_nanos:
            continue
        columns = dict(zip(rows.COLUMNS, rows.row_of(record, ""), strict=True))
        for kind, column in rows.ENTITY_COLUMNS.items():
            for tenant in (record.tenant, SYSTEM) if own(record) and kind not in ("API_KEY", "TENANT") else (record.tenant,):
                if columns[column]:
                    place = _share_key(tenant, kind, columns[column]), _day(record.at)
                    found[place] = found.get(place, 0) + record.cost_nanos
    return found


def _day_update(table: str, pk: str, day: str, nanos: int) -> dict[str, Any]:
    change = {
        "UpdateExpression": "ADD #nanos :nanos",
        "ExpressionAttributeNames": {"#nanos": "nanos"},
        "ExpressionAttributeValues": {":nanos": {"N": str(nanos)}},
    }
    return {"Update": {"TableName": table, "Key": own_key(pk, day), **change}}


def _share_key(tenant: str, kind: str, id_: str) -> str:
    return f"spent#{msgspec.json.encode([tenant, kind, id_]).decode()}"


def _pointer(id_: str) -> str:
    return f"usage#{id_}"


def _day(unix_s: float) -> str:
    return utc_iso(unix_s)[:10]


def _key_of(item: Item) -> Item:
    return {name: item[name] for name in ("tenant_id", "usage_id")}


def _absent() -> dict[str, Any]:
    return expression("attribute_not_exists(#sk)", sk="sk")


_: type[UsageRecords] = DynamoUsage
