"""Makes keys: the record goes into the store, the key itself is returned once."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.core import keys
from proxy.core.entities import NO_LIMITS, Caps, Limits
from proxy.core.keys import SECRET_VERSION, new_access_key_id, new_key_id, new_secret, secret_access_key, sha256_hex, signed_key
from proxy.storage.records import SIGNING_META, KeyRecord, KeyRecords

AGENT_LIMITS = Limits(rpm=60, input_tpm=500_000, output_tpm=500_000)
AGENT_CAPS = Caps(monthly=100_000_000_000)
"""Of keys made in the agent gateway's shape."""


async def signing_secret(records: KeyRecords, configured: str | None) -> bytes:
    """The configured secret, else the store's own, made on first use. Raises Unavailable."""
    if configured is not None:
        return configured.encode()
    return (await records.meta_once(SIGNING_META, new_secret())).encode()


def new_access_key(secret: bytes, now: float, **properties: Any) -> tuple[str, str, KeyRecord]:
    """An AWS-style access key id, its secret access key (stored nowhere: it can be derived) and the record; `properties` as new_key's."""
    _, record = new_key(secret, now, **properties)
    access_key = new_access_key_id(SECRET_VERSION)
    made = _renamed(record, access_key, sha256_hex(access_key))
    return access_key, secret_access_key(secret, access_key), made


def new_key(
    secret: bytes,
    now: float,
    *,
    tenant: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    random: bytes | None = None,
    **properties: Any,
) -> tuple[str, KeyRecord]:
    """The key and its record, not stored yet. `now`: unix seconds. `tenant` None: the key is its own tenant. `random`: bytes to make it of
    instead of random ones. `properties`: other fields of KeyRecord."""
    key_id = new_key_id(random)
    key = signed_key(secret, key_id)
    record = KeyRecord(
        key_id=key_id,
        tenant=tenant or key_id,
        key_hash=sha256_hex(key),
        created_at=round(now, 3),
        metadata=dict(metadata or {}),
        **properties,
    )
    return key, record


def new_agent_key(now: float, *, random: bytes | None = None, **properties: Any) -> tuple[str, KeyRecord]:
    """As new_key, of the agent gateway's shape, with its limits and budget where the properties have none. The key can't be derived."""
    key_id, key = keys.new_agent_key(random)
    properties["limits"] = (properties.get("limits") or NO_LIMITS).filled_from(AGENT_LIMITS)
    properties["caps"] = properties.get("caps") or AGENT_CAPS
    _, record = new_key(b"", now, door="agent", **properties)
    return key, _renamed(record, key_id, sha256_hex(key))


def rotated(old: KeyRecord, fresh: KeyRecord) -> KeyRecord:
    """The record of a new key with the old one's rights; `fresh` has its id, hash and time. A key that was its own tenant stays one."""
    return msgspec.structs.replace(
        old,
        key_id=fresh.key_id,
        key_hash=fresh.key_hash,
        created_at=fresh.created_at,
        tenant=fresh.key_id if old.tenant == old.key_id else old.tenant,
        last_used=None,
        version=1,
    )


def _renamed(record: KeyRecord, key_id: str, key_hash: str) -> KeyRecord:
    tenant = key_id if record.tenant == record.key_id else record.tenant
    return msgspec.structs.replace(record, key_id=key_id, key_hash=key_hash, tenant=tenant)
