"""Vectors of the questions that have been answered, in the process: exact search, as partitions are small."""

from collections import OrderedDict
from typing import Protocol

import msgspec

from proxy.cache.semantic.embedder import Vector

PER_PARTITION = 1000
"""Of one model, prompt and set of parameters; the oldest go first."""


class Near(msgspec.Struct, frozen=True):
    """A question that was answered. `similarity`: cosine, -1 to 1; `key`: the exact cache's key of its answer."""

    similarity: float
    text: str
    key: bytes


class VectorIndex(Protocol):
    async def near(self, partition: bytes, vector: Vector, count: int) -> list[Near]:
        """The nearest first. Never raises for a store."""
        ...

    def add(self, partition: bytes, vector: Vector, text: str, key: bytes, ttl_s: float) -> None: ...

    def drop(self, partition: bytes, key: bytes) -> None:
        """Its answer is gone."""
        ...


class _Partition:
    __slots__ = ("keys", "matrix", "size", "texts")

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self.matrix = np.zeros((8, dimensions), np.float32)
        self.size = 0
        self.keys: list[bytes] = []
        self.texts: list[str] = []

    def add(self, vector: Vector, text: str, key: bytes) -> None:
        import numpy as np

        if key in self.keys:
            return
        if self.size == PER_PARTITION:
            self.remove(0)
        if self.size == len(self.matrix):
            self.matrix = np.concatenate([self.matrix, np.zeros_like(self.matrix)])
        self.matrix[self.size] = vector
        self.size += 1
        self.keys.append(key)
        self.texts.append(text)

    def remove(self, at: int) -> None:
        self.matrix[at : self.size - 1] = self.matrix[at + 1 : self.size]
        self.size -= 1
        del self.keys[at], self.texts[at]


class MemoryIndex:
    """`max_entries`: over all partitions; the partition that was used longest ago goes first."""

    def __init__(self, *, max_entries: int = 10_000) -> None:
        self._max = max_entries
        self._partitions: OrderedDict[bytes, _Partition] = OrderedDict()
        self._entries = 0

    def __len__(self) -> int:
        return self._entries

    async def near(self, partition: bytes, vector: Vector, count: int) -> list[Near]:
        import numpy as np

        found = self._partitions.get(partition)
        if found is None or found.matrix.shape[1] != len(vector):
            return []
        self._partitions.move_to_end(partition)
        scores = found.matrix[: found.size] @ vector
        best = np.argsort(-scores)[:count]
        return [Near(float(scores[at]), found.texts[at], found.keys[at]) for at in best]

    def add(self, partition: bytes, vector: Vector, text: str, key: bytes, ttl_s: float) -> None:
        """`ttl_s` does not count here: an entry whose answer is gone is dropped when it is next found."""
        found = self._partitions.get(partition)
        if found is None or found.matrix.shape[1] != len(vector):
            self._forget(partition)
            found = self._partitions[partition] = _Partition(len(vector))
        before = found.size
        found.add(vector, text, key)
        self._entries += found.size - before
        self._partitions.move_to_end(partition)
        while self._entries > self._max and len(self._partitions) > 1:
            self._forget(next(iter(self._partitions)))

    def drop(self, partition: bytes, key: bytes) -> None:
        found = self._partitions.get(partition)
        if found is not None and key in found.keys:
            found.remove(found.keys.index(key))
            self._entries -= 1
            if not found.size:
                self._forget(partition)

    def _forget(self, partition: bytes) -> None:
        gone = self._partitions.pop(partition, None)
        if gone is not None:
            self._entries -= gone.size


_: type[VectorIndex] = MemoryIndex
