"""What a record store must offer for usage plans: permissions, limits and budgets of entities, a tenant's among them.

Failure: every method raises Unavailable (503) when the store can't answer; no method takes a lost store for a missing plan.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from proxy.core.entities import Caps, EntityType, Limits
from proxy.core.errors import ClientFault

SYSTEM = "SYSTEM"
"""The tenant of plans that name none."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Of one entity. Times are unix seconds."""

    usage_id: str
    entity_type: EntityType
    entity_id: str
    """Of an API_KEY: the hex SHA-256 of the key where it was made through the AWS lab's door, else its key id."""
    tenant: str = SYSTEM
    model_permissions: tuple[str, ...] = ("*",)
    """Names as keys list them; nothing but what all plans of a request permit is permitted."""
    default_limits: Limits = Limits()
    """Of the entity over all models, and of each model that `model_limits` does not name."""
    model_limits: dict[str, Limits] = {}
    """By the model's name as asked."""
    caps: Caps | None = None
    budget_id: str | None = None
    active: bool = True
    """An inactive plan's entity is refused."""
    metadata: dict[str, Any] = {}
    created_at: float
    version: int = 1


class PlanExists(ClientFault):
    status = 409
    code = "plan_exists"


class PlanRecords(Protocol):
    """Plans are unique by tenant, entity type and entity id."""

    async def create(self, plan: Plan) -> None:
        """Raises PlanExists."""
        ...

    async def get(self, tenant: str, entity_type: EntityType, entity_id: str) -> Plan | None: ...

    async def get_many(self, entities: Sequence[tuple[str, EntityType, str]]) -> list[Plan]:
        """Those that there are, of (tenant, type, id), in one question."""
        ...

    async def by_key(self, key_hash: str) -> Plan | None:
        """Of an API_KEY whose id is this (the hex SHA-256 of a key), of whichever tenant; of several the eldest."""
        ...

    async def list(
        self, *, tenant: str | None = None, entity_type: EntityType | None = None, limit: int = 1000, after: str = ""
    ) -> list[Plan]:
        """Ordered by usage_id, those greater than `after`; at most `limit`."""
        ...

    async def replace(self, plan: Plan, before: int) -> bool:
        """Store `plan`, whose version is greater than `before`, if that is still the stored one's; whether it was."""
        ...

    async def delete(self, tenant: str, entity_type: EntityType, entity_id: str) -> bool:
        """False: there was none."""
        ...

    async def aclose(self) -> None:
        """May be called more than once; afterwards every method raises Unavailable."""
        ...
