"""The same in a Redis that has vector search (Redis 8, Redis Stack; a Valkey with such a module): replicas share what has been asked.

One hash a question under `<prefix>le1:q:<model>:<partition>:<key>` with a lifetime, one index over them for each model of vectors. Loss:
any failure is a miss; a server without the commands is told of once and not asked again until the gateway starts anew.
Source: Redis documentation, "Vector search" (FT.CREATE, FT.SEARCH with KNN, query dialect 2), read 2026-11-25.
"""

import asyncio
import hashlib
import logging
from typing import Any

from proxy.cache.semantic.embedder import Vector
from proxy.cache.semantic.index import Near, VectorIndex
from proxy.storage.hot.base import HotStore, RedisDown, RedisRefused

_log = logging.getLogger("llm_edge")


class RedisIndex:
    """`model`: the embedder's name."""

    def __init__(self, hot: HotStore, *, model: str, prefix: str = "llm-edge:") -> None:
        self._hot = hot
        model_id = hashlib.blake2b(model.encode(), digest_size=6).hexdigest()
        self._prefix = f"{prefix}le1:q:{model_id}:"
        self._name = f"{prefix}le1:questions:{model_id}"
        self._made: asyncio.Future[bool] | None = None
        self._able = True

    async def near(self, partition: bytes, vector: Vector, count: int) -> list[Near]:
        if not self._able or not self._hot.available:
            return []
        try:
            if not await self._ready(len(vector)):
                return []
            reply = await self._hot.execute(
                "FT.SEARCH", self._name, f"(@part:{{{partition.hex()}}})=>[KNN {count} @v $q AS d]", "PARAMS", 2, "q", vector.tobytes(),
                "SORTBY", "d", "RETURN", 3, "d", "t", "k", "LIMIT", 0, count, "DIALECT", 2,
            )  # fmt: skip
        except RedisRefused as exc:
            self._refused(exc)
            return []
        except RedisDown:
            return []
        return [near for near in map(_near, reply[2::2]) if near is not None]

    def add(self, partition: bytes, vector: Vector, text: str, key: bytes, ttl_s: float) -> None:
        if not self._able or not self._hot.available:
            return
        name = f"{self._prefix}{partition.hex()}:{key.hex()}"
        for future in (
            self._hot.execute("HSET", name, "part", partition.hex(), "v", vector.tobytes(), "t", text, "k", key.hex()),
            self._hot.execute("PEXPIRE", name, max(1, int(ttl_s * 1000))),
        ):
            future.add_done_callback(_take)

    def drop(self, partition: bytes, key: bytes) -> None:
        if self._hot.available:
            self._hot.delete(f"{self._prefix}{partition.hex()}:{key.hex()}").add_done_callback(_take)

    async def _ready(self, dimensions: int) -> bool:
        """Once a process; the index that another one made is as good."""
        if self._made is None or (self._made.done() and not self._made.result()):
            self._made = asyncio.get_running_loop().create_future()
            ready = False
            try:
                await self._hot.execute(
                    "FT.CREATE", self._name, "ON", "HASH", "PREFIX", 1, self._prefix, "SCHEMA", "part", "TAG", "v", "VECTOR", "HNSW", 6,
                    "TYPE", "FLOAT32", "DIM", dimensions, "DISTANCE_METRIC", "COSINE",
                )  # fmt: skip
                ready = True
            except RedisRefused as exc:
                ready = "exist" in exc.message.lower()
                if not ready:
                    self._refused(exc)
            finally:
                self._made.set_result(ready)
        return await asyncio.shield(self._made)

    def _refused(self, exc: RedisRefused) -> None:
        if "unknown" in exc.message.lower() and self._able:
            self._able = False
            _log.warning("this Redis has no vector search: the semantic cache finds nothing", extra={"error": exc.message[:200]})


def _near(fields: Any) -> Near | None:
    """Of one found document: name, value, name, value, …"""
    try:
        found = dict(zip(fields[::2], fields[1::2], strict=True))
        return Near(1.0 - float(found[b"d"]), found[b"t"].decode(), bytes.fromhex(found[b"k"].decode()))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _take(future: "asyncio.Future[Any]") -> None:
    """A lost write is a later miss."""
    if not future.cancelled():
        future.exception()


_: type[VectorIndex] = RedisIndex
