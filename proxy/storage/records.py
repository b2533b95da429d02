"""What a record store must offer for keys.

Failure: every method raises Unavailable (503) when the store can't answer, whatever the reason; no method takes a lost store for a
missing record, so a caller never turns an outage into a 401.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec

from proxy.core.entities import Caps, Limits
from proxy.core.errors import ClientFault

KeyStatus = Literal["active", "revoked", "disabled"]
Role = str
"""admin, developer, client, or a name of `auth.roles`."""

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
    agents: tuple[str, ...] | None = None
    """Agents that it may call; None: all."""
    user: str = ""
    service: str = ""
    team: str = ""
    project: str = ""
    limits: Limits | None = None
    caps: Caps | None = None
    allowed_ips: tuple[str, ...] = ()
    """Addresses and networks (CIDR) that it may come from; empty: any."""
    revoked_at: float | None = None
    door: str = ""
    """Whose shape it was made in, where that decides its defaults: `agent` (`csa_…` keys), `plan` (the AWS lab's); "": ours."""
    replaced_by: str | None = None
    """The key that it was rotated to."""
    version: int = 1
    """Counts its changes, `last_used` apart."""


MORE: dict[str, Any] = {
    "agents": None, "user": "", "service": "", "team": "", "project": "", "limits": None, "caps": None, "allowed_ips": (),
    "revoked_at": None, "door": "", "replaced_by": None,
}  # fmt: skip
"""Fields that stores keep together, as one JSON document without those that are unset; with what is stored by its absence."""


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
        """False: no such key. Counts as a change."""
        ...

    async def by_hash(self, key_hash: str) -> KeyRecord | None:
        """Of a key that doesn't name itself."""
        ...

    async def replace(self, record: KeyRecord, before: int) -> bool:
        """Store `record`, whose version is greater than `before`, if that is still the stored one's; whether it was. `last_used` stays."""
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
