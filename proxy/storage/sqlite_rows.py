"""Statements over table `keys`, and KeyRecord ↔ a row. Columns are named, never `*`: a newer release may have added some."""

import sqlite3
from datetime import datetime
from typing import Any

import msgspec

from proxy.core.clock import utc_iso
from proxy.storage.records import MORE, KeyRecord

NAMES = [
    "key_id", "tenant", "role", "name", "status", "created_at", "expires_at", "last_used", "key_hash", "scopes", "models", "metadata",
    "version", "more",
]  # fmt: skip

INSERT = """
INSERT INTO keys (key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_FIRST = """
INSERT INTO keys (key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM keys)
"""
SELECT = """
SELECT key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more
FROM keys WHERE key_id = ?
"""
SELECT_BY_HASH = """
SELECT key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more
FROM keys WHERE key_hash = ?
"""
SELECT_PAGE = """
SELECT key_id, tenant, role, name, status, created_at, expires_at, last_used, key_hash, scopes, models, metadata, version, more
FROM keys WHERE key_id > ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR tenant = ?3) ORDER BY key_id LIMIT ?4
"""
SET_STATUS = "UPDATE keys SET status = ?, version = version + 1 WHERE key_id = ?"
REPLACE = """
UPDATE keys SET tenant = ?2, role = ?3, name = ?4, status = ?5, created_at = ?6, expires_at = ?7, last_used = coalesce(last_used, ?8),
    key_hash = ?9, scopes = ?10, models = ?11, metadata = ?12, version = ?13, more = ?14
WHERE key_id = ?1 AND version = ?15
"""
TOUCH = "UPDATE keys SET last_used = ?2 WHERE key_id = ?1 AND (last_used IS NULL OR last_used < ?2)"
SELECT_META = "SELECT value FROM meta WHERE name = ?"
INSERT_META = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"

_json = msgspec.json.Encoder()


def to_row(record: KeyRecord) -> tuple[Any, ...]:
    return (
        record.key_id,
        record.tenant,
        record.role,
        record.name,
        record.status,
        utc_iso(record.created_at),
        _time(record.expires_at),
        _time(record.last_used),
        record.key_hash,
        _text(record.scopes),
        _text(record.models) if record.models is not None else None,
        _text(record.metadata),
        record.version,
        _text({name: value for name, unset in MORE.items() if (value := getattr(record, name)) != unset}),
    )


def from_row(row: tuple[Any, ...]) -> KeyRecord:
    """Raises sqlite3.DataError for a row that no release of ours wrote."""
    fields = dict(zip(NAMES, row, strict=True))
    try:
        for name in ("created_at", "expires_at", "last_used"):
            fields[name] = datetime.fromisoformat(fields[name]).timestamp() if fields[name] is not None else None
        for name in ("scopes", "models", "metadata"):
            fields[name] = msgspec.json.decode(fields[name]) if fields[name] is not None else None
        more = msgspec.json.decode(fields.pop("more"), type=dict[str, Any])
        return msgspec.convert(fields | more, KeyRecord)
    except (msgspec.MsgspecError, ValueError, TypeError) as exc:
        raise sqlite3.DataError(f"key {fields['key_id']} is unreadable: {exc}") from exc


def _time(unix_s: float | None) -> str | None:
    return utc_iso(unix_s) if unix_s is not None else None


def _text(value: Any) -> str:
    return _json.encode(value).decode()
