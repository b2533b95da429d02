"""What every hot store promises, run over one server and over a cluster of three."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import OwnedHotStore, RedisDown, RedisRefused
from proxy.storage.hot.open import open_hot
from tests.support.cluster import Cluster
from tests.support.eventually import PATIENT_S, eventually
from tests.support.valkey import Valkey


@pytest.fixture(scope="module", params=["server", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "server":
        with Valkey() as server:
            yield server.url
    else:
        with Cluster() as cluster:
            yield cluster.url


@pytest.fixture
async def hot(url: str) -> AsyncIterator[OwnedHotStore]:
    tasks = TaskSupervisor()
    store = await open_hot(url, tasks, op_timeout_s=PATIENT_S)
    await eventually(lambda: store.connected)
    yield store
    await store.close()
    await tasks.close()


async def test_values_are_set_read_and_deleted(hot: OwnedHotStore) -> None:
    """Keys of every slot, many at once; several deleted by one call."""
    keys = [f"values-{n}" for n in range(100)]
    await asyncio.gather(*(hot.set(key, f"v{key}") for key in keys))
    assert await asyncio.gather(*map(hot.get, keys)) == [f"v{key}".encode() for key in keys]
    assert await hot.delete(*keys, "values-none") == 100
    assert await hot.get(keys[0]) is None


async def test_lifetimes_end(hot: OwnedHotStore) -> None:
    """In milliseconds."""
    await hot.set("short", "v", 60)
    assert 0 < await hot.execute("PTTL", "short") <= 60_000


async def test_a_script_runs_where_its_keys_are(hot: OwnedHotStore) -> None:
    """Several of one hash tag."""
    script = "redis.call('SET', KEYS[1], ARGV[1]); redis.call('SET', KEYS[2], ARGV[2]); return {redis.call('GET', KEYS[1]), ARGV[2]}"
    assert await hot.eval(script, ("{tag}:a", "{tag}:b"), ("1", 2)) == [b"1", b"2"]
    assert await hot.get("{tag}:b") == b"2"
    assert await hot.eval("return 7") == 7


async def test_the_whole_is_walked_and_counted(hot: OwnedHotStore) -> None:
    """SCAN finds each key once, DBSIZE counts all, INFO adds the memory up."""
    keys = {b"walk-%d" % n for n in range(300)}
    await asyncio.gather(*(hot.set(key, "v") for key in keys))
    found: list[bytes] = []
    cursor = b"0"
    while True:
        cursor, part = await hot.execute("SCAN", cursor, "MATCH", "walk-*", "COUNT", 50)
        found += part
        if cursor == b"0":
            break
    assert sorted(found) == sorted(keys)
    assert await hot.execute("DBSIZE") >= 300
    assert b"used_memory:" in await hot.execute("INFO", "memory")
    assert await hot.execute("PING") in (b"PONG", "PONG")


async def test_a_refused_command_is_told_from_a_lost_server(hot: OwnedHotStore) -> None:
    """With the server's word for it; the store stays up."""
    await hot.set("text", "v")
    with pytest.raises(RedisRefused) as refused:
        await hot.execute("LPUSH", "text", "x")
    assert refused.value.reply == "WRONGTYPE"
    assert hot.available
    assert hot.state == "closed"


async def test_a_closed_store_fails_at_once(url: str) -> None:
    """Every command."""
    tasks = TaskSupervisor()
    store = await open_hot(url, tasks, op_timeout_s=PATIENT_S)
    await eventually(lambda: store.connected)
    await store.close()
    for command in (store.get("a"), store.set("a", "b"), store.execute("PING"), store.delete("a")):
        with pytest.raises(RedisDown):
            await command
    assert not store.connected
    await tasks.close()
