"""How idempotency keys get to Redis. What they do there: tests/contract/hot/test_idempotency_stores.py."""

from collections.abc import Iterator

import pytest

from proxy.storage.hot.base import RedisRefused
from proxy.storage.hot.idempotency import Name
from proxy.storage.hot.idempotency_redis import RedisIdempotency
from tests.support.hot import opened
from tests.support.valkey import Valkey


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


async def test_keys_are_hashed_and_tenants_keep_their_slot(valkey: Valkey) -> None:
    """Whatever either is called; scripts that the server forgot are sent again."""
    async with opened(valkey.url) as hot:
        store = RedisIdempotency(hot)
        for tenant in ("acme", "}{ä"):
            valkey.command("SCRIPT", "FLUSH")
            assert (await store.claim(Name(tenant, b"secret"), b"f", "a", lease_s=1, ttl_s=1)).state == "lead"
        keys = sorted(await hot.execute("KEYS", "*"))
        assert [key.rpartition(b":")[0] for key in keys] == [b"le1:{%7D%7B%C3%A4}:idem", b"le1:{acme}:idem"]
        assert not any(b"secret" in key for key in keys)


async def test_an_answer_of_another_version_is_said(valkey: Valkey) -> None:
    """Not taken for one."""
    async with opened(valkey.url) as hot:
        store, name = RedisIdempotency(hot), Name("t", b"k")
        await store.claim(name, b"f", "a", lease_s=1, ttl_s=9)
        for key in await hot.execute("KEYS", "le1:{t}:*"):
            await hot.execute("HSET", key, "a", b"\xc1")
        with pytest.raises(RedisRefused):
            await store.claim(name, b"f", "a", lease_s=1, ttl_s=9)
