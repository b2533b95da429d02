"""Opening what the settings name."""

import asyncio
from typing import Any

import pytest

from proxy.cache.meter import NullMeter
from proxy.core.clock import SystemClock
from proxy.core.tasks import TaskSupervisor
from proxy.settings import Settings
from proxy.storage.issue import new_key
from proxy.storage.records_memory import MemoryRecords
from proxy.stores import Closers, open_cache, open_keyring
from tests.support.valkey import Valkey, free_port


def settings(**sections: Any) -> Settings:
    return Settings.of(
        **{"auth": {"static_keys": ["static-key-1"]}, "providers": {"echo": {"kind": "echo"}}, "stores": {"records": "memory://"}, **sections}
    )


async def opened(config: Settings) -> tuple[bool, bool]:
    """(L1 there, L2 there) of the cache that the settings ask for."""
    tasks, closers = TaskSupervisor(), Closers()
    cache = await open_cache(config, clock=SystemClock(), tasks=tasks, meter=NullMeter(), closers=closers)
    status = cache.status()
    for closer in closers:
        await closer()
    await tasks.close()
    return status.l1_enabled, status.l2_configured


async def test_the_tiers_that_are_configured_are_opened() -> None:
    """L2 where there is a Redis; nothing where the cache is off."""
    with Valkey() as valkey:
        there = {"records": "memory://", "redis": valkey.url}
        assert await opened(settings()) == (True, False)
        assert await opened(settings(stores=there)) == (True, True)
        assert await opened(settings(stores=there, cache={"enabled": False})) == (False, False)


async def test_a_redis_that_is_down_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The gateway starts; the address is named without its password."""
    url = f"redis://:hush@127.0.0.1:{free_port()}"
    assert await opened(settings(stores={"records": "memory://", "redis": url})) == (True, True)
    (record,) = [r for r in caplog.records if "L2 cache is not reachable" in r.getMessage()]
    assert "hush" not in str(vars(record))


async def test_static_and_signed_keys_open_the_same_door() -> None:
    """The store's own signing secret is made on first use and stays."""
    records, tasks, clock = MemoryRecords(), TaskSupervisor(), SystemClock()
    keyring = await open_keyring(settings(), records=records, clock=clock, tasks=tasks)
    again = await open_keyring(settings(auth={"static_keys": ["other-key-12"]}), records=records, clock=clock, tasks=tasks)
    secret = await records.meta_once("signing_secret", "unused")
    assert await keyring.verify("static-key-1") is not None
    assert await again.verify("static-key-1") is None
    assert await keyring.verify("nonsense") is None
    assert secret
    await tasks.close()


async def test_a_configured_secret_signs() -> None:
    """Keys of an older installation with the same secret keep working; `last_used` is written back at the end."""
    records, tasks = MemoryRecords(), TaskSupervisor()
    secret = "a-signing-secret-of-32-characters"
    keyring = await open_keyring(settings(auth={"signing_secret": secret}), records=records, clock=SystemClock(), tasks=tasks)
    key, record = new_key(secret.encode(), 0.0)
    await records.create(record)
    principal = await keyring.verify(key)
    assert principal is not None
    await asyncio.sleep(0)
    await tasks.close()
    stored = await records.get(principal.key_id)
    assert stored is not None
    assert stored.last_used is not None


async def test_records_that_are_not_here_leave_static_keys_alone() -> None:
    """No secret, no store of this machine: nothing to verify against, and no store is asked."""
    config = settings(stores={"records": "postgresql://db.test/edge"}, auth={"static_keys": ["static-key-1"]})
    tasks = TaskSupervisor()
    keyring = await open_keyring(config, records=MemoryRecords(), clock=SystemClock(), tasks=tasks)
    assert keyring.peek("static-key-1") is not None
    assert (await keyring.verify("x.y"), len(tasks)) == (None, 0)
