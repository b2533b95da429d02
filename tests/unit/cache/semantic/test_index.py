"""Vectors of answered questions, in the process."""

import numpy as np

from proxy.cache.semantic.embedder import Vector
from proxy.cache.semantic.index import PER_PARTITION, MemoryIndex


def at(degrees: float) -> Vector:
    return np.asarray([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


async def test_the_nearest_come_first() -> None:
    """Of the partition that was asked for, and of no other."""
    index = MemoryIndex()
    for degrees in (50, 10, 90):
        index.add(b"p", at(degrees), f"q{degrees}", b"k%d" % degrees, 60)
    index.add(b"other", at(0), "q0", b"k0", 60)
    found = await index.near(b"p", at(0), 2)
    assert [near.text for near in found] == ["q10", "q50"]
    assert found[0].similarity > found[1].similarity
    assert await index.near(b"nobody", at(0), 2) == []


async def test_an_entry_is_kept_once_and_can_be_dropped() -> None:
    """The last one takes its partition along."""
    index = MemoryIndex()
    for _ in range(2):
        index.add(b"p", at(1), "q", b"k", 60)
    assert len(index) == 1
    index.drop(b"p", b"another")
    index.drop(b"p", b"k")
    index.drop(b"p", b"k")
    assert len(index) == 0
    assert await index.near(b"p", at(1), 1) == []


async def test_a_full_partition_lets_its_oldest_go() -> None:
    """And keeps the rest findable."""
    index = MemoryIndex(max_entries=10 * PER_PARTITION)
    for number in range(PER_PARTITION + 1):
        index.add(b"p", at(number / 20), f"q{number}", b"%d" % number, 60)
    assert len(index) == PER_PARTITION
    assert [near.text for near in await index.near(b"p", at(0), 1)] == ["q1"]


async def test_the_partition_used_longest_ago_goes_first() -> None:
    """When there are too many entries in all; the last partition stays."""
    index = MemoryIndex(max_entries=2)
    index.add(b"a", at(1), "a", b"a", 60)
    index.add(b"b", at(1), "b", b"b", 60)
    await index.near(b"a", at(1), 1)
    index.add(b"c", at(1), "c", b"c", 60)
    assert [bool(await index.near(name, at(1), 1)) for name in (b"a", b"b", b"c")] == [True, False, True]


async def test_vectors_of_another_model_replace_a_partition() -> None:
    """They cannot be compared with."""
    index = MemoryIndex()
    index.add(b"p", at(1), "q", b"k", 60)
    three = np.asarray([1, 0, 0], np.float32)
    assert await index.near(b"p", three, 1) == []
    index.add(b"p", three, "q3", b"k3", 60)
    assert len(index) == 1
    assert [near.text for near in await index.near(b"p", three, 1)] == ["q3"]
