"""Makes keys: the record goes into the store, the key itself is returned once."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.core.keys import SECRET_VERSION, new_access_key_id, new_key_id, new_secret, secret_access_key, sha256_hex, signed_key
from proxy.storage.records import SIGNING_META, KeyRecord, KeyRecords, Role


async def signing_secret(records: KeyRecords, configured: str | None) -> bytes:
    """The configured secret, else the store's own, made on first use. Raises Unavailable."""
    if configured is not None:
        return configured.encode()
    return (await records.meta_once(SIGNING_META, new_secret())).encode()


def new_access_key(secret: bytes, now: float, **properties: Any) -> tuple[str, str, KeyRecord]:
    """An AWS-style access key id, its secret access key (stored nowhere: it can be derived) and the record; `properties` as new_key's."""
    _, record = new_key(secret, now, **properties)
    access_key = new_access_key_id(SECRET_VERSION)
    tenant = access_key if record.tenant == record.key_id else record.tenant
    made = msgspec.structs.replace(record, key_id=access_key, key_hash=sha256_hex(access_key), tenant=tenant)
    return access_key, secret_access_key(secret, access_key), made


def new_key(
    secret: bytes,
    now: float,
    *,
    role: Role = "client",
    name: str = "",
    tenant: str | None = None,
    expires_at: float | None = None,
    scopes: tuple[str, ...] = (),
    models: tuple[str, ...] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[str, KeyRecord]:
    """The key and its record, not stored yet. `now`, `expires_at`: unix seconds. `tenant` None: the key is its own tenant."""
    key_id = new_key_id()
    key = signed_key(secret, key_id)
    record = KeyRecord(
        key_id=key_id,
        tenant=tenant or key_id,
        key_hash=sha256_hex(key),
        created_at=now,
        role=role,
        name=name,
        expires_at=expires_at,
        scopes=scopes,
        models=models,
        metadata=dict(metadata or {}),
    )
    return key, record
