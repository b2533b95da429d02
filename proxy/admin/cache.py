"""`/v1/admin/cache`: how full it is, purges, and its end."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.types import Receive, Scope, Send

from proxy.admin.answer import answer, context
from proxy.cache.marks import EVERYTHING, KINDS
from proxy.cache.meter import Tier
from proxy.cache.tiered import TieredCache
from proxy.core.clock import Clock, utc_iso
from proxy.core.errors import BadRequest, Unavailable
from proxy.storage.hot.base import RedisDown, RedisRefused

MAX_VALUE = 500
PURGEABLE = tuple(kind for kind in KINDS if kind != "all")
PurgeBody = msgspec.defstruct(
    "PurgeBody",
    [(kind, Annotated[str, Meta(min_length=1, max_length=MAX_VALUE)] | UnsetType, UNSET) for kind in PURGEABLE],
    forbid_unknown_fields=True,
)


class CacheCleared(msgspec.Struct, frozen=True, kw_only=True):
    removed: dict[Tier, int]
    """Entries by tier."""
    reached: list[str]


class CachePurged(msgspec.Struct, frozen=True, kw_only=True):
    purged: dict[str, str]
    stored_before: str


class CacheRoutes:
    def __init__(self, cache: Callable[[], TieredCache], clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """L1 is that of the process that answers."""
        await answer(send, self._cache().status())

    async def clear(self, scope: Scope, receive: Receive, send: Send) -> None:
        """L1 of the process that answers, and L2, now; the L1 of all other processes by a mark that hides what is older."""
        cache = self._cache()
        cache.marks.mark("all", EVERYTHING, self._clock.time())
        try:
            removed = await cache.clear()
        except (RedisDown, RedisRefused) as exc:
            raise Unavailable(f"L1 is empty, but L2 could not be emptied: {exc}", retry_after_s=1.0) from exc
        reached = ["l1 of this process", *(["l2"] if "l2" in removed else [])]
        await answer(send, CacheCleared(removed=removed, reached=reached))

    async def purge(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`{kind: value}` with any of the kinds: each hides all that is stored under it up to now."""
        wanted = _wanted(context(scope).json)
        cache, now = self._cache(), self._clock.time()
        for kind, value in wanted.items():
            if kind == "key":
                cache.purge(bytes.fromhex(value))
        for kind in KINDS:
            if kind in wanted:
                cache.marks.mark(kind, wanted[kind], now)
        await answer(send, CachePurged(purged=wanted, stored_before=utc_iso(now)))


def _wanted(body: Any) -> dict[str, str]:
    """Raises BadRequest naming the field."""
    if not isinstance(body, dict) or not body:
        raise BadRequest(f"the body must be an object with one or more of: {', '.join(PURGEABLE)}")
    for name, value in body.items():
        if name not in PURGEABLE:
            raise BadRequest(f"{name}: not something to purge by; there is {', '.join(PURGEABLE)}", param=name)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_VALUE:
            raise BadRequest(f"{name} must be a text of 1 to {MAX_VALUE} characters", param=name)
    key = body.get("key")
    if key is not None and (len(key) != 64 or not all(c in "0123456789abcdef" for c in key)):
        raise BadRequest("key must be the 64 hex digits of x-llm-edge-cache-key", param="key")
    return {name: value.lower() if name == "tag" else value for name, value in body.items()}
