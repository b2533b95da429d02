"""A Redis Cluster as one hot store, against real nodes: redirections, lost nodes, healing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from proxy.core.tasks import TaskSupervisor
from proxy.storage.hot.base import LinkState, RedisDown
from proxy.storage.hot.cluster import RedisClusterHot
from proxy.storage.hot.slots import slot_of
from tests.support.cluster import Cluster
from tests.support.eventually import PATIENT_S, eventually


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@asynccontextmanager
async def opened(
    cluster: Cluster, states: list[LinkState] | None = None, op_timeout_s: float = PATIENT_S
) -> AsyncIterator[RedisClusterHot]:
    tasks = TaskSupervisor()
    told = states if states is not None else []
    hot = RedisClusterHot(cluster.url, tasks, op_timeout_s=op_timeout_s, on_state=told.append)
    await hot.open()
    await eventually(lambda: hot.connected)
    try:
        yield hot
    finally:
        await hot.close()
        await tasks.close()


def key_of(cluster: Cluster, node: int) -> str:
    """A key whose slot began at this node."""
    low, high = cluster.bounds[node], cluster.bounds[node + 1]
    return next(f"key-{n}" for n in range(10_000) if low <= slot_of(f"key-{n}") < high)


async def answered(hot: RedisClusterHot, key: str, value: bytes | None) -> None:
    """A cluster needs a second or two to agree on what is lost and who takes over."""
    async with asyncio.timeout(30):
        while True:
            try:
                assert await hot.get(key) == value
            except RedisDown:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_moved_slot_is_followed_and_learnt(cluster: Cluster) -> None:
    """The command succeeds at once; later ones go straight to the new node."""
    key = key_of(cluster, 0)
    source, target = cluster.nodes[0], cluster.nodes[1]
    async with opened(cluster) as hot:
        await hot.set(key, "v")
        cluster.move(slot_of(key), source, target)
        try:
            assert await hot.get(key) == b"v"

            async def straight() -> bool:
                before = b"cmdstat_get" in source.command("INFO", "commandstats")
                source.command("CONFIG", "RESETSTAT")
                assert await hot.get(key) == b"v"
                return before and b"cmdstat_get" not in source.command("INFO", "commandstats")

            async with asyncio.timeout(PATIENT_S):
                while not await straight():
                    await asyncio.sleep(0.01)
        finally:
            cluster.move(slot_of(key), target, source)


async def test_a_slot_on_its_way_is_asked_for_on_both_sides(cluster: Cluster) -> None:
    """New keys are with the node that imports, old ones where they were."""
    key = key_of(cluster, 0)
    tag = "{" + key + "}"
    source, target = cluster.nodes[0], cluster.nodes[2]
    async with opened(cluster) as hot:
        await hot.set(key, "old")
        with cluster.migrating(slot_of(key), source, target):
            await hot.set(f"{tag}new", "new")
            assert list(await asyncio.gather(hot.get(key), hot.get(f"{tag}new"))) == [b"old", b"new"]
            assert target.command("CLUSTER", "COUNTKEYSINSLOT", slot_of(key)) == 1
            with pytest.raises(RedisDown):  # TRYAGAIN: half of the keys is on each side
                await hot.eval("return redis.call('MGET', KEYS[1], KEYS[2])", (key, f"{tag}new"))
        assert await hot.get(f"{tag}new") == b"new"
        cluster.move(slot_of(key), target, source)


async def test_a_lost_node_fails_its_own_slots_and_heals(cluster: Cluster) -> None:
    """Others go on meanwhile; nothing is to be restarted."""
    lost, other = key_of(cluster, 0), key_of(cluster, 1)
    async with opened(cluster, op_timeout_s=0.5) as hot:
        await hot.set(other, "v")
        cluster.nodes[0].kill()
        try:
            with pytest.raises(RedisDown):
                await hot.get(lost)
            assert await hot.get(other) == b"v"
            assert hot.available
            await eventually(lambda: not hot.connected)
        finally:
            cluster.nodes[0].start()
        await answered(hot, lost, None)


async def test_a_replica_takes_over() -> None:
    """Its master's slots are served again without a restart."""
    with Cluster(replicas=1) as cluster:
        key = key_of(cluster, 0)
        states: list[LinkState] = []
        async with opened(cluster, states, op_timeout_s=0.5) as hot:
            await hot.set(key, "v")
            await eventually(lambda: cluster.nodes[3].command("DBSIZE") == 1)
            cluster.nodes[0].kill()
            await answered(hot, key, b"v")
            assert hot.connected


async def test_nobody_there_is_no_error_at_the_start() -> None:
    """It goes on trying; commands fail at once."""
    with Cluster() as cluster:
        url = cluster.url
    tasks = TaskSupervisor()
    hot = RedisClusterHot(url, tasks, op_timeout_s=0.1)
    assert not await hot.open()
    assert not hot.available
    for command in (hot.get("a"), hot.execute("PING"), hot.execute("SCAN", "0"), hot.execute("DBSIZE")):
        with pytest.raises(RedisDown):
            await command
    await hot.close()
    await tasks.close()
