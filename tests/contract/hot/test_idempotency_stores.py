"""One contract for the stores of idempotency keys."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.core.clock import SystemClock
from proxy.storage.hot.idempotency import Answer, Claim, IdempotencyStore, Name
from proxy.storage.hot.idempotency_memory import MemoryIdempotency
from proxy.storage.hot.idempotency_redis import RedisIdempotency
from tests.support.hot import opened
from tests.support.valkey import Valkey

NAME = Name("acme/{x}", b"order 1")
ANSWER = Answer(status=200, headers=((b"a", b"b"),), body=b"\x00body", stream=True, asked="m", provider="p", model="n", dropped=("x",))


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[IdempotencyStore]:
    if request.param == "memory":
        yield MemoryIdempotency(SystemClock())
        return
    valkey: Valkey = request.getfixturevalue("valkey")
    valkey.command("FLUSHALL")
    async with opened(valkey.url) as hot:
        yield RedisIdempotency(hot)


async def claim(store: IdempotencyStore, token: str, *, fingerprint: bytes = b"f", lease_s: float = 30, name: Name = NAME) -> Claim:
    return await store.claim(name, fingerprint, token, lease_s=lease_s, ttl_s=60)


async def test_one_leads_and_its_answer_is_everybodys(store: IdempotencyStore) -> None:
    """Busy meanwhile; then as it was given."""
    assert await claim(store, "a") == Claim("lead")
    busy = await claim(store, "b")
    assert (busy.state, 0 < busy.left_s <= 30) == ("busy", True)
    assert not await store.finish(NAME, "b", ANSWER, ttl_s=60)
    assert await store.finish(NAME, "a", ANSWER, ttl_s=60)
    assert await claim(store, "b") == Claim("kept", ANSWER)
    assert not await store.release(NAME, "a")
    assert not await store.renew(NAME, "a", lease_s=30)


async def test_another_request_or_tenant(store: IdempotencyStore) -> None:
    """A mismatch while it runs and after; another tenant's is another key."""
    await claim(store, "a")
    assert (await claim(store, "b", fingerprint=b"g")).state == "mismatch"
    assert (await claim(store, "b", name=Name("other", NAME.key))).state == "lead"
    await store.finish(NAME, "a", ANSWER, ttl_s=60)
    assert (await claim(store, "b", fingerprint=b"g")).state == "mismatch"


async def test_a_lease_that_ended_is_taken_over_once(store: IdempotencyStore) -> None:
    """Renewed it holds; its old owner has no say any more."""
    await claim(store, "a", lease_s=0.1)
    assert await store.renew(NAME, "a", lease_s=0.3)
    await asyncio.sleep(0.15)
    assert (await claim(store, "b")).state == "busy"
    await asyncio.sleep(0.2)
    assert (await claim(store, "b")).state == "taken"
    assert (await claim(store, "c")).state == "busy"
    assert not await store.finish(NAME, "a", ANSWER, ttl_s=60)
    assert not await store.renew(NAME, "a", lease_s=30)


async def test_what_is_released_is_free(store: IdempotencyStore) -> None:
    """Also for another request; by its owner only."""
    await claim(store, "a")
    assert not await store.release(NAME, "b")
    assert await store.release(NAME, "a")
    assert (await claim(store, "b", fingerprint=b"g")).state == "lead"


async def test_what_is_kept_ends(store: IdempotencyStore) -> None:
    """After its time."""
    await claim(store, "a")
    await store.finish(NAME, "a", ANSWER, ttl_s=0.05)
    await asyncio.sleep(0.1)
    assert (await claim(store, "b", fingerprint=b"g")).state == "lead"
