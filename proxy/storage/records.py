"""What a record store must offer for keys.

Failure: every method raises Unavailable (503) when the store can't answer, whatever the reason; no method takes a lost store for a
missing record, so a caller never turns an outage into a 401.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from proxy.core.errors import ClientFault

KeyStatus = Literal["active", "revoked", "disabled"]
Role = Literal["admin", "developer", "client"]

SIGNING_META = "signing_secret"
"""Name of the meta value that holds the generated secret."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A key without itself: `key_hash` is the hex SHA-256 of the whole key. Times are unix seconds (stored as UTC with ms)."""

    key_id: str
    tenant: str
    key_hash: str
    created_at: float
    role: Role = "client"
    name: str = ""
    status: KeyStatus = "active"
    expires_at: float | None = None
    last_used: float | None = None
    scopes: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    """Model names the key may use; None: all."""
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class KeyExists(ClientFault):
    status = 409
    code = "key_exists"


class KeyRecords(Protocol):
    async def create(self, record: KeyRecord) -> None:
        """Raises KeyExists."""
        ...

    async def create_first(self, record: KeyRecord) -> bool:
        """Create it only if the store holds no key at all, atomically; whether it did."""
        ...

    async def get(self, key_id: str) -> KeyRecord | None: ...

    async def list(
        self, *, status: KeyStatus | None = None, tenant: str | None = None, limit: int = 1000, after: str = ""
    ) -> list[KeyRecord]:
        """Ordered by key_id, those greater than `after`; at most `limit`."""
        ...

    async def set_status(self, key_id: str, status: KeyStatus) -> bool:
        """False: no such key."""
        ...

    async def touch(self, used: Mapping[str, float]) -> None:
        """Move `last_used` forward to the given unix seconds, by key id; unknown ids are ignored."""
        ...

    async def meta(self, name: str) -> str | None: ...

    async def meta_once(self, name: str, value: str) -> str:
        """Set it unless it is set; the value that holds now."""
        ...

    async def ping(self) -> None:
        """Returns when the store can answer and be written."""
        ...

    async def aclose(self) -> None:
        """May be called more than once; afterwards every method raises Unavailable."""
        ...
