"""POSTs that make usage plans, sent twice with the same `Idempotency-Key`: one plan is made, and both get it.

Kept are the digest of what was asked and the plan's id, in the record store's meta values; and, once the plan is there, that it was: one
that was deleted since is not made again.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from proxy.admin.idempotent_keys import fingerprint, mismatch, promise_name
from proxy.core.errors import Conflict
from proxy.storage.plans import Plan, PlanExists
from proxy.storage.records import KeyRecords


class PlanPromise(msgspec.Struct, frozen=True):
    fingerprint: str
    usage_id: str


class IdempotentPlan:
    """One request's."""

    def __init__(self, records: KeyRecords, owner: str, route: str, header: bytes, body: Any) -> None:
        """Raises BadRequest."""
        self._records = records
        self._name = promise_name(owner, route, header)
        self._fingerprint = fingerprint(body)

    async def once(self, find: Callable[[], Awaitable[Plan | None]], make: Callable[[str], Awaitable[Plan]]) -> tuple[Plan, bool]:
        """The plan, and whether it was made earlier. `find`: by its entity; `make`: with this usage_id. Raises IdempotencyMismatch,
        Conflict, PlanExists."""
        mine = PlanPromise(self._fingerprint, str(uuid.uuid4()))
        kept = await self._records.meta_once(self._name, msgspec.json.encode(mine).decode())
        held = msgspec.json.decode(kept, type=PlanPromise)
        if held.fingerprint != self._fingerprint:
            raise mismatch()
        done = f"{self._name}:made"
        found = await find()
        if found is None and await self._records.meta(done) is not None:
            raise Conflict("the plan that was made for this Idempotency-Key is deleted: take a new one")
        if found is None:
            try:
                made = await make(held.usage_id)
                await self._records.meta_once(done, held.usage_id)
                return made, False
            except PlanExists:  # by the same request, at the same time
                found = await find()
        if found is None or found.usage_id != held.usage_id:
            raise PlanExists("there is a plan of this entity, which was not made for this Idempotency-Key")
        await self._records.meta_once(done, held.usage_id)
        return found, True
