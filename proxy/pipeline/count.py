"""How many tokens a prompt has: routed, permitted and tried as the generation request would be, at no cost.

    provider counts in the client's dialect    the client's body as it came, the provider's answer as it came
    provider counts in another dialect         translated there and back
    provider counts nothing                    estimated here (proxy/core/estimate.py), and said to be: `x-llm-edge-estimated: true`

A counting endpoint that turns out not to exist, or not for this model, is one that counts nothing, unless it was asked in the client's
own dialect: then its answer is the answer.
"""

from collections.abc import Awaitable, Sequence

import msgspec
from starlette.types import Send

from proxy.codecs.base import InvalidBody
from proxy.codecs.counting import Counting
from proxy.codecs.counts import COUNTS
from proxy.codecs.invariants import checked
from proxy.codecs.jsonbody import dump_json
from proxy.core.context import RequestContext, Verdict
from proxy.core.errors import ProviderRejected, Unsupported
from proxy.core.estimate import estimated_tokens
from proxy.core.request import ChatRequest
from proxy.pipeline.asked import Asked, invalid
from proxy.pipeline.attempts import NotAdmitted, Try
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.execute import Generation
from proxy.pipeline.respond import Responder
from proxy.pipeline.upstream import Upstream, broken_answer
from proxy.providers.base import CountsTokens, Provider
from proxy.routing.candidate import Candidate
from proxy.transport.base import Header, UpstreamRequest

_KEPT = ("previous_response_id", "conversation")
"""Of the Responses API: ids of what one tenant's answers left behind, which the creating of an answer resolves."""
ESTIMATED = (b"x-llm-edge-estimated", b"true")
_NO_SUCH_ENDPOINT = frozenset({404, 405, 501})
_NOT_THIS_MODEL = "support counting tokens"
"""Of Bedrock's ValidationException: "The provided model doesn't support counting tokens."."""


def count_tokens(pipe: Pipeline, ctx: RequestContext, send: Send, responder: type[Responder] = Responder) -> Awaitable[None]:
    """Raises BadRequest or ModelNotFound at once; everything later out of the awaitable."""
    ctx.cost_nanos = 0
    return _Counting(pipe, _Asked(pipe, ctx), responder(ctx, send)).count()


def counter_of(provider: Provider) -> tuple[CountsTokens, str] | None:
    """The provider and the dialect in which it counts, if it does."""
    if isinstance(provider, CountsTokens) and provider.counting in COUNTS:
        return provider, provider.counting
    return None


class _Asked(Asked):
    sized = False
    __slots__ = ("counting", "root")

    def __init__(self, pipe: Pipeline, ctx: RequestContext) -> None:
        self.counting: Counting = COUNTS[ctx.route.dialect or ""]
        self.root = ""
        super().__init__(pipe, ctx, check=self.counting.check)
        for name in _KEPT:
            if self.body.get(name):
                raise Unsupported(f"{name} is not known to count with: send the whole input, without {name}", param=name)

    def decoded(self) -> ChatRequest:
        if self._request is None:
            try:
                dump_json(self.body)
                body, self.root = self.counting.generation(self.body)
                request = checked(self.codec.decode_request(body, {}))
            except InvalidBody as exc:
                raise invalid(exc, self.root) from None
            self._request = msgspec.structs.replace(request, max_tokens=None, n=1)
        return self._request


class _Call(Upstream):
    __slots__ = ("_counter",)

    def __init__(self, pipe: Pipeline, asked: Asked, target: Candidate) -> None:
        """The target's provider counts."""
        super().__init__(pipe, asked, target)
        found = counter_of(self.provider)
        if found is None:
            raise TypeError(f"{target.provider} counts no tokens")
        self._counter, dialect = found
        self.passthrough = dialect == asked.codec.name
        self.codec = pipe.codecs[dialect]

    def request(self, pipe: Pipeline, asked: Asked) -> UpstreamRequest:
        return msgspec.structs.replace(super().request(pipe, asked), url=self._counter.count_url(self.target.model, asked.ctx.query))

    def _body(self, asked: Asked) -> bytes:
        counting = COUNTS[self.codec.name]
        if self.passthrough:
            return self._finished(asked, counting.own(asked.body, self.target.model))
        return self._finished(asked, counting.wrapped(self._translated(asked)))


class _Counting(Generation):
    __slots__ = ()
    upstream = _Call
    timed = False
    asked: _Asked

    def count(self) -> Awaitable[None]:
        return self._call()

    async def _try(self, step: Try) -> None:
        target = step.target
        found = counter_of(self.pipe.providers[target.provider])
        if found is None:
            verdict = self.ctx.top_up(target.provider, target.model)
            if not isinstance(verdict, Verdict):
                verdict = await verdict
            if verdict.error is not None:
                raise NotAdmitted(verdict.error)
            self.ctx.provider, self.ctx.served_model = target.provider, target.model
            await self._estimate()
            return
        try:
            await super()._try(step)
        except ProviderRejected as exc:
            if found[1] == self.asked.codec.name or not _counts_not(exc):
                raise
            await self._estimate()

    async def _estimate(self) -> None:
        total = estimated_tokens(self.asked.decoded())
        self.ctx.dropped = []
        self.ctx.headers_out.append(ESTIMATED)
        await self.out.json(dump_json(self.asked.counting.encode_count(total)))

    def _whole(self, upstream: Upstream, raw: bytes, headers: Sequence[Header]) -> bytes:
        try:
            total = COUNTS[upstream.codec.name].decode_count(raw)
        except InvalidBody as exc:
            raise broken_answer(upstream.target.provider, exc) from exc
        return raw if upstream.passthrough else dump_json(self.asked.counting.encode_count(total))


def _counts_not(exc: ProviderRejected) -> bool:
    return exc.status in _NO_SUCH_ENDPOINT or (exc.status == 400 and _NOT_THIS_MODEL in exc.message)
