"""The AWS lab's keys: any text whose SHA-256 is the id of an active usage plan of an API_KEY; its tenant is the plan's (`auth.plan_keys`).

Nothing in such a key tells a guess from a key, so the store is asked for each unknown one: that is why this is off unless it is wanted.
"""

from collections.abc import Callable, Sequence

from proxy.core.clock import Clock
from proxy.core.identity import Principal
from proxy.governance.auth import Keys
from proxy.governance.jwt.compact import is_token
from proxy.governance.keys import Ended, key_digest
from proxy.governance.plans.book import PREFIX
from proxy.storage.hot.board import Board
from proxy.storage.plans import PlanRecords

MIN_CHARS = 16
"""Shorter ones can be guessed."""
STRANGERS = 1000


class PlanKeys:
    """Beside the others, which come first."""

    def __init__(self, keys: Keys, records: PlanRecords, clock: Clock, ttl_s: float, size: int) -> None:
        self._keys = keys
        self._records = records
        self._monotonic = clock.monotonic
        self._ttl_s = ttl_s
        self._size = size
        self._epoch = 0
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._strangers: dict[bytes, tuple[Ended | None, float]] = {}

    def find(self, digest: bytes) -> Principal | None:
        known = self._known.get(digest)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        return self._keys.find(digest)

    async def verify(self, key: str) -> Principal | None:
        """Raises Unavailable."""
        principal = await self._keys.verify(key)
        digest = key_digest(key)
        if principal is not None or len(key) < MIN_CHARS or is_token(key) or self._keys.ended(digest) is not None:
            return principal
        stranger = self._strangers.get(digest)
        if stranger is not None and self._monotonic() < stranger[1]:
            return None
        epoch, key_id = self._epoch, digest.hex()
        plan = await self._records.by_key(key_id)
        until = self._monotonic() + self._ttl_s
        if plan is None or not plan.active:
            if epoch == self._epoch:
                while len(self._strangers) >= STRANGERS:
                    del self._strangers[next(iter(self._strangers))]
                self._strangers[digest] = ("disabled" if plan is not None else None, until)
            return None
        known = self._known.get(digest)
        principal = known[0] if known is not None else None
        if principal is None or principal.tenant != plan.tenant:
            principal = Principal(key_id=key_id, tenant=plan.tenant, name="usage plan")
        if epoch == self._epoch:
            while len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[digest] = (principal, until)
        return principal

    def ended(self, digest: bytes) -> Ended | None:
        stranger = self._strangers.get(digest)
        return self._keys.ended(digest) or (stranger[0] if stranger is not None else None)

    async def verify_signed(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Principal:
        return await self._keys.verify_signed(method, raw_path, query, headers, body)

    def drop(self, tenant: str) -> None:
        """Its plans have changed."""
        self._epoch += 1
        self._known = {digest: known for digest, known in self._known.items() if known[0].tenant != tenant}
        self._strangers.clear()

    def drop_all(self) -> None:
        self._epoch += 1
        self._known.clear()
        self._strangers.clear()


def follow_plan_keys(board: Board, keys: PlanKeys) -> Callable[[], None]:
    """From now on they hear of every change of plans. Returns what ends it."""

    def heard(field: str, value: bytes | None) -> None:
        if value is not None:
            keys.drop(field.removeprefix(PREFIX))

    unwatch, unmiss = board.watch(PREFIX, heard), board.on_gap(keys.drop_all)

    def end() -> None:
        unwatch()
        unmiss()

    return end


_: type[Keys] = PlanKeys
