"""The third tier."""

import numpy as np

from proxy.cache.semantic.embedder import Vector
from proxy.cache.semantic.index import MemoryIndex
from proxy.cache.semantic.tier import SemanticCache


class Flat:
    """Every text has the same vector: only the guards are left."""

    name = "flat"

    def __init__(self, words: float | None = 1.0) -> None:
        self.words = words
        self.down = False

    async def embed(self, text: str) -> Vector | None:
        return None if self.down else np.asarray([1, 0], np.float32)

    def alike(self, one: str, other: str) -> float | None:
        return self.words


async def kept(cache: SemanticCache, text: str, key: bytes, partition: bytes = b"p") -> None:
    asking = await cache.ask(partition, text)
    assert asking is not None
    cache.keep(asking, key)


async def found(cache: SemanticCache, text: str, threshold: float = 0.5, partition: bytes = b"p") -> bytes | None:
    asking = await cache.ask(partition, text)
    assert asking is not None
    near = await cache.find(asking, threshold)
    return None if near is None else near.key


async def test_a_question_is_found_by_another_wording() -> None:
    """In its own partition, at the threshold or above."""
    cache = SemanticCache(Flat(), MemoryIndex(), threshold=0.8, ttl_s=60)
    await kept(cache, "How do I sort a list?", b"k")
    assert await found(cache, "How can I sort a list?") == b"k"
    assert await found(cache, "How can I sort a list?", partition=b"q") is None
    assert await found(cache, "How can I sort a list?", threshold=1.1) is None


async def test_a_guard_objects_and_the_next_nearest_is_asked() -> None:
    """The nearest may be the one with the other number."""
    cache = SemanticCache(Flat(), MemoryIndex(), threshold=0.8, ttl_s=60)
    await kept(cache, "What is 15% of this?", b"15")
    await kept(cache, "What is 20% of this?", b"20")
    assert await found(cache, "What is 20 % of this, please?") == b"20"
    assert await found(cache, "What is 30% of this?") is None


async def test_words_are_compared_where_the_embedder_can() -> None:
    """Else any word that the dictionary does not know for the same is too many."""
    for words, key in ((1.0, b"k"), (0.0, None), (None, None)):
        cache = SemanticCache(Flat(words), MemoryIndex(), threshold=0.8, ttl_s=60)
        await kept(cache, "How do I buy a house?", b"k")
        assert await found(cache, "How do I rent a house?") == key


async def test_what_is_gone_is_forgotten() -> None:
    """The exact cache has the last word."""
    cache = SemanticCache(Flat(), MemoryIndex(), threshold=0.8, ttl_s=60)
    await kept(cache, "How do I sort a list?", b"k")
    asking = await cache.ask(b"p", "How do I sort a list?")
    assert asking is not None
    near = await cache.find(asking, 0.5)
    assert near is not None
    cache.forget(asking, near)
    assert await found(cache, "How do I sort a list?") is None


async def test_without_a_vector_there_is_nothing_to_ask() -> None:
    """Nor for what the guards know too little of."""
    embedder = Flat()
    cache = SemanticCache(embedder, MemoryIndex(), threshold=0.8, ttl_s=60)
    assert await cache.ask(b"p", "yes") is None
    embedder.down = True
    assert await cache.ask(b"p", "How do I sort a list?") is None
