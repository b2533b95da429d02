"""Copies agenthub's keys into the record store. Its Redis has a hash `apikey:{key_id}` for each: role, created_at, status, key_hash (hex
SHA-256 of the whole key), last_used, name and revoked_at where there are any; times are ISO 8601, UTC, without a zone.

Source: agenthub's auth/api_keys.py, as COMPAT.md has it, read 2026-11-26.
"""

import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from proxy.admin.key_service import Actor, KeyService
from proxy.core.errors import GatewayFault
from proxy.core.keys import sha256_hex, signed_key
from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused
from proxy.storage.hot.open import open_hot
from proxy.storage.records import KeyExists, KeyRecord, KeyRecords

PREFIX = "apikey:"
OP_TIMEOUT_S = 10.0


class Imported(msgspec.Struct):
    created: int = 0
    revoked: int = 0
    """There already, and revoked in agenthub since."""
    unchanged: int = 0
    other_secret: int = 0
    """Of those in agenthub: signed with another secret than ours, so that they will not verify here."""
    unreadable: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    def as_text(self) -> str:
        lines = [f"{self.created} keys copied, {self.revoked} revoked, {self.unchanged} were there already"]
        if self.other_secret:
            lines.append(
                f"{self.other_secret} were signed with another secret and will be refused: set API_KEY_SIGNING_SECRET to agenthub's "
                "(or auth.previous_signing_secret, to sign new keys with another)"
            )
        lines += [f"unreadable, left out: {what}" for what in self.unreadable]
        return "\n".join(lines)


async def import_agenthub(url: str, records: KeyRecords, service: KeyService, actor: Actor, *secrets: bytes) -> Imported:
    """May be run again: what is there already stays as it is, but for keys that agenthub has revoked since. Raises GatewayFault."""
    tasks = TaskSupervisor()
    try:
        hot = await open_hot(url, tasks, op_timeout_s=OP_TIMEOUT_S, connect_timeout_s=OP_TIMEOUT_S)
        try:
            return await _copy(hot, records, service, actor, secrets)
        except (RedisDown, RedisRefused) as exc:
            raise GatewayFault(f"agenthub's Redis does not answer: {exc}") from exc
        finally:
            await hot.close()
    finally:
        await tasks.close()


async def _copy(hot: HotStore, records: KeyRecords, service: KeyService, actor: Actor, secrets: tuple[bytes, ...]) -> Imported:
    done = Imported()
    async for key_id, fields in _hashes(hot):
        try:
            record = as_record(key_id, fields)
        except ValueError as exc:
            done.unreadable += (f"{PREFIX}{key_id}: {exc}",)
            continue
        if not any(hmac.compare_digest(sha256_hex(signed_key(secret, key_id)), record.key_hash) for secret in secrets):
            done.other_secret += 1
        try:
            await service.create(actor, "", record, announce=True)
            done.created += 1
        except KeyExists:
            stored = await records.get(key_id)
            if record.status == "revoked" and stored is not None and stored.status != "revoked":
                await service.revoke(actor, key_id)
                done.revoked += 1
            else:
                done.unchanged += 1
    return done


def as_record(key_id: str, fields: dict[str, str]) -> KeyRecord:
    """Raises ValueError for what agenthub has not written."""
    if not key_id or "." in key_id or len(key_id) > 128:
        raise ValueError("no key id")
    status, role, key_hash = fields.get("status"), fields.get("role"), fields.get("key_hash", "")
    if status not in ("active", "revoked"):
        raise ValueError(f"status {status!r}")
    if role not in ("admin", "developer", "client"):
        raise ValueError(f"role {role!r}")
    if len(key_hash) != 64:
        raise ValueError("no key_hash")
    created_at = _time(fields.get("created_at", ""))
    if created_at is None:
        raise ValueError("no created_at")
    return KeyRecord(
        key_id=key_id,
        tenant=key_id,
        key_hash=key_hash.lower(),
        created_at=created_at,
        role=role,
        name=fields.get("name", ""),
        status="active" if status == "active" else "revoked",
        last_used=_time(fields.get("last_used", "")),
        revoked_at=_time(fields.get("revoked_at", "")),
        metadata={"imported_from": "agenthub"},
    )


async def _hashes(hot: HotStore) -> AsyncIterator[tuple[str, dict[str, str]]]:
    cursor, seen = b"0", set()
    while True:
        cursor, names = await hot.execute("SCAN", cursor, "MATCH", f"{PREFIX}*", "COUNT", 500)
        for name in names:
            if name in seen:
                continue
            seen.add(name)
            try:
                flat = await hot.execute("HGETALL", name)
            except RedisRefused:
                flat = []  # of another type: not agenthub's
            pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
            yield (
                name.decode(errors="replace").removeprefix(PREFIX),
                {k.decode(errors="replace"): v.decode(errors="replace") for k, v in pairs},
            )
        if cursor in (b"0", 0):
            return


def _time(text: str) -> float | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
