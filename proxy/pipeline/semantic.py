"""The semantic tier in the way of a request: after the exact tiers have missed, before a call is made."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from proxy.cache.entry import CacheEntry
from proxy.codecs.base import EmbeddingsCodec, InvalidBody
from proxy.codecs.embeddings import EMBEDDINGS
from proxy.codecs.jsonbody import dump_json
from proxy.core.embeddings import EmbeddingRequest
from proxy.core.errors import BadRequest
from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline
from proxy.providers.base import Outgoing, Provider
from proxy.settings import Settings
from proxy.settings.semantic import LOCAL
from proxy.storage.hot.base import HotStore
from proxy.transport.base import Timeouts, TransportError

if TYPE_CHECKING:
    from proxy.cache.semantic.embedder import Embedder, Vector
    from proxy.cache.semantic.index import Near, VectorIndex
    from proxy.cache.semantic.tier import SemanticCache

REST_S = 30.0
"""How long an embeddings deployment is not asked after it failed."""
MAX_ANSWER_BYTES = 1024 * 1024
_log = logging.getLogger("llm_edge")


class Semantic(msgspec.Struct, frozen=True, kw_only=True):
    cache: "SemanticCache"
    index: "VectorIndex"
    """Outlives a reload."""
    made_of: tuple[str, str, int]
    """Embedder, kind of index and its size: with others the index starts anew."""


async def similar(pipe: Pipeline, asked: Asked, semantic: Semantic) -> "tuple[CacheEntry, Near] | None":
    """The answer of a question that means the same. What was asked stays in `asked.asking`, to be kept with the answer that it gets."""
    from proxy.cache.semantic.question import split

    cache = semantic.cache
    own = asked.route.rules.semantic_threshold
    threshold = cache.threshold if own is None else own
    parts = split(asked.codec.name, asked.body)
    if parts is None or threshold <= 0:
        return None
    text, rest = parts
    asking = asked.asking = await cache.ask(asked.partition(pipe, rest), text)
    if asking is None:
        return None
    near = await cache.find(asking, threshold)
    if near is None:
        return None
    found = await pipe.cache.get(near.key, asked.verdict.max_age_s)
    if found is None:
        cache.forget(asking, near)
        return None
    return found[0], near


def build_semantic(settings: Settings, providers: Mapping[str, Provider], hot: HotStore | None, old: Semantic | None) -> Semantic | None:
    """None: it is off. Raises ValueError for an embedder that is none, and for a Redis index without a Redis."""
    s = settings.cache.semantic
    if not s.enabled or not settings.cache.enabled:
        return None
    from proxy.cache.semantic.index import MemoryIndex
    from proxy.cache.semantic.tier import SemanticCache

    embedder = _embedder(s.embedder, providers, s.timeout_s)
    made_of = (embedder.name, s.index, s.max_entries)
    index: VectorIndex
    if old is not None and old.made_of == made_of:
        index = old.index
    elif s.index == "memory":
        index = MemoryIndex(max_entries=s.max_entries)
    else:
        if hot is None:
            raise ValueError("cache.semantic.index: redis needs the L2 cache (stores.redis)")
        from proxy.cache.semantic.redis_index import RedisIndex

        index = RedisIndex(hot, model=embedder.name, prefix=settings.cache.l2.prefix)
    ttl_s = settings.cache.l2.ttl_s if settings.l2_url is not None else settings.cache.l1.ttl_s
    return Semantic(cache=SemanticCache(embedder, index, threshold=s.threshold, ttl_s=ttl_s), index=index, made_of=made_of)


def _embedder(name: str, providers: Mapping[str, Provider], timeout_s: float) -> "Embedder":
    if name == LOCAL:
        from proxy.cache.semantic.local import LocalEmbedder

        return LocalEmbedder()
    provider_name, _, model = name.partition("/")
    provider = providers.get(provider_name)
    if provider is None:
        raise ValueError(f'cache.semantic.embedder: no provider "{provider_name}"')
    codec = next((codec for dialect, codec in EMBEDDINGS.items() if dialect in provider.dialects and codec.takes(model)), None)
    if codec is None:
        raise ValueError(f"cache.semantic.embedder: {provider_name} has no embeddings for {model}")
    return DeployedEmbedder(provider, model, codec, timeout_s)


class DeployedEmbedder:
    """An embeddings deployment of a configured provider; the gateway's own call, on nobody's bill but its owner's. Failures are misses."""

    def __init__(self, provider: Provider, model: str, codec: EmbeddingsCodec, timeout_s: float) -> None:
        self.name = f"{provider.name}/{model}"
        self._provider = provider
        self._model = model
        self._codec = codec
        self._timeout_s = timeout_s
        self._resting_until = 0.0

    async def embed(self, text: str) -> "Vector | None":
        now = monotonic()
        if now < self._resting_until:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask(text, now)
        except (TransportError, InvalidBody, BadRequest, TimeoutError, ValueError) as exc:
            self._resting_until = monotonic() + REST_S
            _log.warning("no vector for the semantic cache", extra={"embedder": self.name, "error": f"{type(exc).__name__}: {exc}"[:300]})
            return None

    async def _ask(self, text: str, now: float) -> "Vector | None":
        import numpy as np

        from proxy.cache.semantic.embedder import unit

        request = EmbeddingRequest(dialect=self._codec.name, model=self._model, inputs=(text,), single=True)
        call = Outgoing(
            model=self._model,
            dialect=self._codec.name,
            body=dump_json(self._codec.encode_request(request).body),
            stream=False,
            headers={},
            query=b"",
            timeouts=Timeouts(connect_s=self._timeout_s, headers_s=None, between_bytes_s=None, deadline=now + self._timeout_s),
            max_response_bytes=MAX_ANSWER_BYTES,
        )
        response = await self._provider.transport.send(self._provider.request(call, self._provider.keys.choose(b"", now)))
        try:
            raw = await response.read()
        finally:
            response.close()
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        data = self._codec.decode_response(raw).data
        if not data:
            raise ValueError("no vector in the answer")
        return unit(np.asarray(data[0].floats(), np.float32))

    def alike(self, one: str, other: str) -> float | None:
        """A call a word would be too much."""
        return None
