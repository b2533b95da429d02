"""One governed embedding request: the same way as a generation's (`execute`), less streams.

    passthrough     the target speaks the client's dialect: its bytes pass, once they hold a vector for each input
    translate       inputs → as many calls as the provider needs, all within the one attempt → vectors checked, in the client's form

Targets whose provider has no embeddings are left out, like those of another kind of model; a model without any other is a 400.
"""

from collections.abc import Awaitable, Mapping
from hashlib import blake2b
from time import monotonic
from typing import cast

import msgspec
from starlette.types import Send

from proxy.cache.policy import judge
from proxy.codecs.base import BodyFacts, Codec, EmbeddingsCodec, Encoded, InvalidBody
from proxy.codecs.bedrock_invoke.family import DIALECT as INVOKE
from proxy.codecs.embeddings import EMBEDDINGS
from proxy.codecs.jsonbody import dump_json
from proxy.codecs.openai_embeddings.request import DIALECT
from proxy.codecs.vectors import batches, merged, numbered
from proxy.core.context import RequestContext
from proxy.core.embeddings import EmbeddingRequest, EmbeddingResponse
from proxy.core.errors import BadRequest, ErrorInfo
from proxy.core.response import Usage
from proxy.pipeline import asked_invoke
from proxy.pipeline.asked import Asked, invalid
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.execute import Generation
from proxy.pipeline.inline_media import FetchRules
from proxy.pipeline.respond import Responder
from proxy.pipeline.settle import estimated_usage
from proxy.pipeline.upstream import Upstream, broken_answer
from proxy.providers.base import Provider
from proxy.routing.candidate import Candidate
from proxy.routing.target import Route
from proxy.transport.base import UpstreamRequest, UpstreamResponse
from proxy.transport.gathered import send_all

CALLS_AT_ONCE = 8
"""Of one attempt that needs several: enough to hide the round trips, few enough not to spend a provider's rate limit in one go."""


def embed(pipe: Pipeline, ctx: RequestContext, send: Send, responder: type[Responder] = Responder) -> Awaitable[None]:
    """For routes whose dialect is one of EMBEDDINGS. Raises BadRequest or ModelNotFound at once; everything later out of the awaitable."""
    return _Embedding(pipe, _EmbedAsked(pipe, ctx), responder(ctx, send)).run()


class _ClientCodec:
    """The client's codec, and what this one request lets it expect of an answer."""

    def __init__(self, codec: EmbeddingsCodec) -> None:
        self.embeddings = codec
        self.name = codec.name
        self.wanted = 0
        """Vectors."""

    def facts(self, body: bytes) -> BodyFacts:
        facts = self.embeddings.facts(body)
        if facts.vectors != self.wanted:
            raise InvalidBody(f"{facts.vectors} vectors for {self.wanted} inputs", "data")
        return facts

    def decode_error(self, status: int, body: bytes, headers: Mapping[str, str]) -> ErrorInfo:
        return self.embeddings.decode_error(status, body, headers)


class _EmbedAsked(Asked):
    sized = False  # each input is judged for itself, by the provider
    __slots__ = ("_embedding", "own")

    def __init__(self, pipe: Pipeline, ctx: RequestContext) -> None:
        dialect = ctx.route.dialect or ""
        self.own = own = _ClientCodec(EMBEDDINGS[dialect])
        super().__init__(pipe, ctx, cast("Codec", own))  # its other half is for streams, which embeddings never are
        self.stream = ctx.stream = False
        own.wanted = own.embeddings.count(self.body)
        self.route = _with_embeddings(pipe, dialect, self.route, self.model)
        self._embedding: EmbeddingRequest | None = None
        if dialect != DIALECT:
            self.verdict = judge(self.body, ctx.headers, pipe.cache_rules, DIALECT)  # deterministic like OpenAI's, whatever they are called
            if self.key is None and (self.verdict.read or self.verdict.write or self.verdict.join):
                self.key = self._fingerprint(pipe, asked_invoke.kind_in_key(ctx, "titan_embed") if dialect == INVOKE else dialect)

    def embedding(self) -> EmbeddingRequest:
        """The canonical request. Raises BadRequest naming the field."""
        if self._embedding is None:
            try:
                self._embedding = self.own.embeddings.decode_request(self.body, {})
            except InvalidBody as exc:
                raise invalid(exc) from None
        return self._embedding

    def talk(self) -> bytes:
        """Texts are no conversation: they are spread over the pool."""
        return self.key or blake2b(repr(self.body).encode("utf-8", "surrogatepass")).digest()

    def may_go(self, pipe: Pipeline, target: Candidate) -> bool:
        return _has_embeddings(pipe.providers[target.provider], self.ctx.route.dialect or "", target.model)

    def codec_for(self, pipe: Pipeline, provider: Provider) -> Codec:
        return cast("Codec", EMBEDDINGS[_spoken(provider) or ""])


class _EmbedUpstream(Upstream):
    __slots__ = ("_answers", "_batch", "_requests", "embeddings")

    def __init__(self, pipe: Pipeline, asked: Asked, target: Candidate) -> None:
        super().__init__(pipe, asked, target)
        self.embeddings = cast("EmbeddingsCodec", self.codec)
        self._answers: dict[int, EmbeddingResponse] = {}
        """By the call's number; empty where there is one call."""

    def request(self, pipe: Pipeline, asked: Asked) -> UpstreamRequest:
        """The first call; where there are several, `send` makes them all."""
        if self.passthrough:
            return super().request(pipe, asked)
        self._requests: list[UpstreamRequest] = []
        for batch in batches(cast("_EmbedAsked", asked).embedding(), self.embeddings.max_inputs):
            self._batch = batch
            self._requests.append(super().request(pipe, asked))
        self.record.calls = len(self._requests)
        return self._requests[0]

    async def send(self, pipe: Pipeline, request: UpstreamRequest) -> UpstreamResponse:
        at_once = min(len(self._requests), CALLS_AT_ONCE)
        if self.place is not None:
            at_once = self.place.several(len(self._requests), at_once, monotonic())
        return await send_all(self.provider.transport.send, self._requests, at_once=at_once, take=self._take)

    async def inline(self, rules: FetchRules, asked: Asked) -> None:
        """Texts name nothing to fetch."""

    def _take(self, i: int, body: bytes) -> None:
        try:
            self._answers[i] = self.embeddings.decode_response(body)
        except InvalidBody as exc:
            raise broken_answer(self.provider.name, numbered(exc, i)) from exc

    def answers(self, raw: bytes) -> list[EmbeddingResponse]:
        """Of all calls, in order; `raw`: the body, where there is one call. Raises InvalidBody."""
        if not self._answers:
            return [self.embeddings.decode_response(raw)]
        return [self._answers[i] for i in range(len(self._answers))]

    def _encoded(self, asked: Asked) -> Encoded:
        return self.embeddings.encode_request(msgspec.structs.replace(self._batch, model=self.target.model))


class _Embedding(Generation):
    __slots__ = ()
    upstream = _EmbedUpstream

    def translated(self, upstream: Upstream, raw: bytes) -> tuple[bytes, Usage | None]:
        asked, upstream = cast("_EmbedAsked", self.asked), cast("_EmbedUpstream", upstream)
        request = asked.embedding()
        carried = request.path_of("dimensions") not in self.ctx.dropped
        response = merged(request, upstream.embeddings.max_inputs, upstream.answers(raw), carried=carried)
        usage = response.usage or estimated_usage(_size(request), 0)
        response = msgspec.structs.replace(response, model=response.model or upstream.target.model, usage=usage)
        return dump_json(asked.own.embeddings.encode_response(response, request).body), usage


def _size(request: EmbeddingRequest) -> int:
    """Bytes of text; an estimate of tokens is made from them."""
    return sum(len(text.encode("utf-8", "replace")) for text in request.inputs if isinstance(text, str))


def _with_embeddings(pipe: Pipeline, dialect: str, route: Route, model: str) -> Route:
    targets = tuple(target for target in route.targets if _has_embeddings(pipe.providers[target.provider], dialect, target.model))
    if len(targets) == len(route.targets):
        return route
    if not targets:
        names = ", ".join(dict.fromkeys(target.provider for target in route.targets))
        raise BadRequest(f"The model '{model[:100]}' has no embeddings here: its provider ({names}) offers none for it", param="model")
    return route.only(targets)


def _has_embeddings(provider: Provider, dialect: str, model: str) -> bool:
    spoken = dialect if dialect in provider.dialects else _spoken(provider)
    return spoken is not None and EMBEDDINGS[spoken].takes(model)


def _spoken(provider: Provider) -> str | None:
    """The dialect that requests of another one are translated to."""
    return next((name for name in EMBEDDINGS if name in provider.dialects), None)
