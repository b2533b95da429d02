"""Opening what the settings name: record store and keys, cache tiers. Each leaves a closer behind."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from proxy.cache.memory import MemoryCache
from proxy.cache.meter import CacheMeter
from proxy.cache.redis import RedisCache
from proxy.cache.tiered import TieredCache
from proxy.core.clock import Clock
from proxy.core.tasks import TaskSupervisor
from proxy.governance.keys import Keyring, SignedKeys, StaticKeys
from proxy.settings import Settings
from proxy.storage.hot.base import LinkState
from proxy.storage.hot.redis import RedisHot
from proxy.storage.issue import signing_secret
from proxy.storage.records import KeyRecords

LAST_USED_EVERY_S = 5.0

Closers = list[Callable[[], Awaitable[None]]]


async def open_cache(
    settings: Settings,
    *,
    clock: Clock,
    tasks: TaskSupervisor,
    meter: CacheMeter,
    closers: Closers,
    on_l2_state: Callable[[LinkState], None] | None = None,
) -> TieredCache:
    """A Redis that is down at the start is a warning and an L1-only cache until it comes."""
    c = settings.cache
    l1 = MemoryCache(clock, max_entries=c.l1.max_entries, max_bytes=c.l1.max_bytes, ttl_s=c.l1.ttl_s) if c.enabled else None
    url = settings.l2_url
    if url is None:
        return TieredCache(clock, l1=l1, meter=meter)
    hot = RedisHot(url, tasks, op_timeout_s=c.l2.op_timeout_ms / 1e3, connect_timeout_s=c.l2.connect_timeout_ms / 1e3, on_state=on_l2_state)
    closers.append(hot.close)
    if not await hot.open():
        logging.getLogger("llm_edge").warning("the L2 cache is not reachable; going on with L1 alone", extra={"redis": hot.label})
    l2 = RedisCache(hot, clock, prefix=c.l2.prefix, ttl_s=c.l2.ttl_s, meter=meter)
    return TieredCache(clock, l1=l1, l2=l2, meter=meter)


async def open_keyring(settings: Settings, *, records: KeyRecords, clock: Clock, tasks: TaskSupervisor) -> Keyring:
    """Static keys always; signed ones where there is a signing secret. `last_used` is written back every few seconds."""
    auth = settings.auth
    static = StaticKeys((k.get_secret_value() for k in auth.static_keys), auth.admin_key.get_secret_value() if auth.admin_key else None)
    configured = auth.signing_secret.get_secret_value() if auth.signing_secret is not None else None
    if configured is None and not settings.stores.embedded_records:
        return Keyring(static)
    secret = await signing_secret(records, configured)
    signed = SignedKeys(secret, records, auth.key_cache_ttl_s, size=auth.key_cache_size, clock=clock)
    tasks.start(_flush_last_used(signed), name="keys-last-used", endless=True)
    return Keyring(static, signed)


async def _flush_last_used(signed: SignedKeys) -> None:
    try:
        while True:
            await asyncio.sleep(LAST_USED_EVERY_S)
            await signed.flush()
    finally:
        await signed.flush()
