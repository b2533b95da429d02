"""The third tier: the answer of a question that means the same, under the same everything else (`question.py`)."""

import msgspec

from proxy.cache.semantic.embedder import Embedder, Vector
from proxy.cache.semantic.guards import conflict
from proxy.cache.semantic.index import Near, VectorIndex
from proxy.cache.semantic.lexicon import english
from proxy.cache.semantic.question import answerable
from proxy.cache.semantic.rewrite import plain
from proxy.cache.semantic.text import Question, take_apart

LOOKED_AT = 3
"""Nearest questions that the guards are asked about: the nearest may be the one with the other number."""


class Asking(msgspec.Struct, frozen=True):
    """A question on its way: looked up first, kept with its answer later."""

    partition: bytes
    text: str
    question: Question
    vector: Vector


class SemanticCache:
    """`threshold`: for models without their own."""

    def __init__(self, embedder: Embedder, index: VectorIndex, *, threshold: float, ttl_s: float) -> None:
        english()  # 75 ms, here rather than in the first request
        self._embedder = embedder
        self._index = index
        self.threshold = threshold
        self._ttl_s = ttl_s

    async def ask(self, partition: bytes, text: str) -> Asking | None:
        """None: nothing to be looked up, or no vector to be had."""
        question = answerable(text)
        vector = await self._embedder.embed(plain(text)) if question is not None else None
        return None if question is None or vector is None else Asking(partition, text, question, vector)

    async def find(self, asking: Asking, threshold: float) -> Near | None:
        """The nearest question at or above the threshold that no guard objects to."""
        for near in await self._index.near(asking.partition, asking.vector, LOOKED_AT):
            if near.similarity < threshold:
                break
            if self.conflict(asking.question, take_apart(near.text)) is None:
                return near
        return None

    def conflict(self, one: Question, other: Question) -> str | None:
        """Why they must not share an answer."""
        alike = self._embedder.alike
        if alike("a", "a") is None:
            return conflict(one, other)
        return conflict(one, other, lambda a, b: alike(a, b) or 0.0)

    def keep(self, asking: Asking, key: bytes) -> None:
        """Its answer stands in the exact cache under `key`."""
        self._index.add(asking.partition, asking.vector, asking.text, key, self._ttl_s)

    def forget(self, asking: Asking, near: Near) -> None:
        """The exact cache has its answer no more."""
        self._index.drop(asking.partition, near.key)
