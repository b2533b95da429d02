"""POSTs that make keys, sent twice with the same `Idempotency-Key`: one key is made, and both get it.

What is made is derived from the signing secret and the idempotency key, so nothing of it need be kept but the digest of what was asked and
the id of what came of it, in the store's meta values.
"""

import hashlib
import hmac
from typing import Any

import msgspec

from proxy.core.errors import BadRequest, Conflict, IdempotencyMismatch
from proxy.core.keys import new_agent_key, new_key_id, sha256_hex, signed_key
from proxy.storage.records import KeyRecord, KeyRecords

HEADER = b"idempotency-key"
MAX_CHARS = 255


class Promise(msgspec.Struct, frozen=True):
    """What was asked for, and the id that the key has or will have."""

    fingerprint: str
    key_id: str


class Idempotent:
    """One request's. `random`: what its key is to be made of."""

    def __init__(self, records: KeyRecords, secrets: tuple[bytes, ...], owner: str, route: str, header: bytes, body: Any) -> None:
        """`secrets`: the signing secret, then the one before it, if that is still good. Raises BadRequest."""
        self._records = records
        self._secrets = secrets
        self._name = promise_name(owner, route, header)
        self._fingerprint = fingerprint(body)
        self.random = self._derive(secrets[0])

    async def before(self, agent: bool) -> tuple[str, KeyRecord] | None:
        """What came of it earlier; None: make it now, of `random`. Raises IdempotencyMismatch, Conflict."""
        key_id = new_agent_key(self.random)[0] if agent else new_key_id(self.random)
        mine = Promise(self._fingerprint, key_id)
        kept = await self._records.meta_once(self._name, msgspec.json.encode(mine).decode())
        held = msgspec.json.decode(kept, type=Promise)
        if held.fingerprint != self._fingerprint:
            raise mismatch()
        record = await self._records.get(held.key_id)
        if record is None:
            if held.key_id == key_id:
                return None
            raise Conflict("what this Idempotency-Key stands for was asked for under another signing secret: take a new one")
        if record.status == "revoked":
            raise Conflict(f"API key {record.key_id} was made for this Idempotency-Key and is revoked: take a new one")
        for secret in self._secrets:
            key = new_agent_key(self._derive(secret))[1] if record.door == "agent" else signed_key(secret, record.key_id)
            if hmac.compare_digest(sha256_hex(key), record.key_hash):
                return key, record
        raise Conflict(f"API key {record.key_id} was made for it, under a signing secret that holds no more: rotate it")

    def _derive(self, secret: bytes) -> bytes:
        return hmac.digest(secret, self._name.encode(), "sha512")


def promise_name(owner: str, route: str, header: bytes) -> str:
    """Of the meta value. Raises BadRequest."""
    if not header or len(header) > MAX_CHARS or not all(0x20 <= char < 0x7F for char in header):
        raise BadRequest(f"must be 1 to {MAX_CHARS} printable ASCII characters", param="idempotency-key")
    return "idempotent:" + hashlib.sha256(b"\0".join((owner.encode(), route.encode(), header))).hexdigest()


def fingerprint(body: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()


def mismatch() -> IdempotencyMismatch:
    return IdempotencyMismatch("this Idempotency-Key was used for another request: take a new one", param="idempotency-key")
