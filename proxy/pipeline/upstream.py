"""One try on the wire: the call as the provider wants it, and what went wrong as one of our errors."""

from time import monotonic
from typing import Any

import msgspec

from proxy.codecs.base import Codec, Encoded, InvalidBody, StreamDecoder
from proxy.codecs.bedrock_invoke.family import DIALECT as INVOKE
from proxy.codecs.bedrock_invoke.headers import tier_in
from proxy.codecs.counting import under
from proxy.codecs.helped import SINGLE_CHOICE
from proxy.codecs.jsonbody import dump_json
from proxy.codecs.openai_responses.kept import without_foreign
from proxy.codecs.output_cap import lower_cap
from proxy.core.context import AttemptRecord, RequestContext
from proxy.core.errors import BadGateway, BadRequest, ConnectionFailed, EdgeError, ProviderRejected, Untranslatable, UpstreamTimeout
from proxy.core.pricing import Cost
from proxy.core.request import ChatRequest
from proxy.core.response import ChatResponse, Usage
from proxy.pipeline import asked_invoke
from proxy.pipeline.asked import Asked, invalid
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fan_out import MAX_CALLS, FanDecoder, Fanned, merged
from proxy.pipeline.inline_media import FetchRules, Inlining
from proxy.pipeline.stream_clock import content_within
from proxy.providers.base import Outgoing, Provider
from proxy.providers.key_pool import Credential, KeyPool
from proxy.routing.candidate import Candidate
from proxy.routing.gate import Place
from proxy.routing.health import QUOTA, REFUSED_S, THROTTLED_MAX_S
from proxy.routing.quota import SIGNS, Headroom, headroom
from proxy.transport.base import ResponseTooLarge, Timeouts, TransportError, UpstreamRequest, UpstreamResponse

ERROR_BODY_MAX = 256 * 1024
_OF_THE_KEY = frozenset((401, 402, 403, 429))
_UNPAID = "insufficient_quota"
"""OpenAI's word in a 429 for an account without money, which no waiting helps."""
_CONNECT_FIRST = 0.95
_TELLING = frozenset((b"x-request-id", b"request-id", b"x-amzn-requestid")) | SIGNS
"""Headers of an answer that say something to the gateway."""
CAPPED = b"x-llm-edge-max-tokens-capped"


class Also(msgspec.Struct, frozen=True):
    """What the request pays for beside a call. `usage`: of the parts of its answer that other calls gave."""

    cost: Cost
    usage: Usage | None = None


class Upstream:
    """A target's provider with the credential chosen for this conversation, and the record of the try."""

    __slots__ = (
        "codec", "detached", "failure", "fanned", "head_tier", "inlined", "key", "passthrough", "pinned", "pipe", "place", "provider",
        "record", "sent_at", "spared", "target", "ticket", "within_s",
    )  # fmt: skip
    also: Also | None = None

    def __init__(self, pipe: Pipeline, asked: Asked, target: Candidate) -> None:
        self.target = target
        self.pipe = pipe
        self.head_tier: str | None = None
        """The tier that is billed, where the answer's head names one (InvokeModel)."""
        self.provider: Provider = pipe.providers[target.provider]
        dialect = asked.codec.name
        self.passthrough = dialect in self.provider.dialects and (dialect != INVOKE or asked_invoke.fits(asked.codec, target.model))
        self.codec: Codec = asked.codec if self.passthrough else asked.codec_for(pipe, self.provider)
        self.record = AttemptRecord(target.provider, target.model)
        self.place: Place | None = None
        """Where its calls are bounded."""
        self.pinned = False
        """No other member of the key pool may take over."""
        now = monotonic()
        pool = self.provider.keys
        self.key: Credential = pool.members[0] if len(pool.members) == 1 else self._member(asked, now)
        self.sent_at = now
        self.ticket = 0
        """Of a breaker's probe."""
        self.spared = False
        """What was refused is one key; the target has others."""
        self.within_s = asked.route.content_within_s if asked.stream else None
        """Of a stream: seconds from `sent_at` to its first content; the call is made by `send` then, which looks at the clock."""
        self.detached = False
        """Somebody else closes the response."""
        self.failure: EdgeError | None = None
        """What went wrong with a stream after it was committed."""
        self.inlined: ChatRequest | None = None
        """The request with what its URLs hold."""
        self.fanned: Fanned | None = None
        """Several calls' answers; `record.calls` says how many it takes, once the request is built."""

    def take_place(self, place: Place) -> None:
        """It may be at a key of the pool, which is this try's then."""
        self.place = place
        if place.account is not None:
            self.key = self.provider.keys.of_account(place.account) or self.key

    async def inline(self, rules: FetchRules, asked: Asked) -> None:
        """Fetch what this provider does not fetch itself. Raises BadRequest."""
        wants = rules.wants.get(self.target.provider)
        if wants is None:
            return
        if asked.inlining is None:
            asked.inlining = Inlining(rules)
        self.inlined = await asked.inlining.inlined(asked.decoded(), wants, asked.deadline)

    def _member(self, asked: Asked, now: float) -> Credential:
        pool = self.provider.keys
        member = pinned_member(asked, pool)
        if member is not None:
            self.pinned = True
            return member
        return pool.choose(asked.talk(), now, self.pipe.health.key_rests(self.target.id, self.target.provider))

    def request(self, pipe: Pipeline, asked: Asked) -> UpstreamRequest:
        """What goes out. Raises BadRequest or Untranslatable."""
        timeouts, per_try_s = asked.route.timeouts, asked.route.rules.retry.per_try_s
        stream, connect_s, within_s, deadline = asked.stream, timeouts.connect_s, self.within_s, asked.deadline
        if within_s is not None:  # a little less, so that what is told is that there was no connection
            connect_s = min(connect_s or within_s, _CONNECT_FIRST * within_s)
        elif per_try_s is not None and not stream:
            deadline = min(deadline, self.sent_at + per_try_s)
        call = Outgoing(
            model=self.target.model,
            dialect=self.codec.name,
            body=self._body(asked),
            stream=stream,
            headers=asked.ctx.headers,
            query=asked.ctx.query,
            timeouts=Timeouts(
                connect_s=connect_s,
                headers_s=within_s,
                between_bytes_s=timeouts.between_chunks_s if stream else None,
                deadline=deadline,
            ),
            max_response_bytes=pipe.max_response_bytes,
        )
        return self.provider.request(call, self.key)

    async def send(self, pipe: Pipeline, request: UpstreamRequest) -> UpstreamResponse:
        """The rare way: for n choices at a provider that gives one a call, and for streams whose first content has its time. Raises
        TransportError, and EdgeError for an answer that is none."""
        try:
            with content_within(self.within_s, self.sent_at):
                if self.record.calls == 1:
                    return await self.provider.transport.send(request)
                return await self._fan(pipe, request)
        except TimeoutError:
            raise self.too_slow() from None

    def too_slow(self) -> UpstreamTimeout:
        return UpstreamTimeout(f"no token from {self.provider.name} within {self.within_s} s")

    async def _fan(self, pipe: Pipeline, request: UpstreamRequest) -> UpstreamResponse:
        if self.place is not None:
            self.place.several(self.record.calls, self.record.calls, monotonic(), together=True)
        self.fanned = await Fanned.send(self.provider.transport, request, self.record.calls, pipe.tasks)
        return self.fanned

    def decoded(self, raw: bytes) -> ChatResponse:
        """Raises InvalidBody."""
        if self.fanned is None:
            return self.codec.decode_response(raw)
        return merged([self.codec.decode_response(body) for body in self.fanned.bodies])

    def stream_decoder(self) -> StreamDecoder:
        if self.fanned is None:
            return self.codec.stream_decoder()
        return FanDecoder(self.fanned, [self.codec.stream_decoder() for _ in self.fanned.responses])

    def refused(self, ctx: RequestContext, response: UpstreamResponse) -> bool:
        """Whether the answer, whose headers are in, is anything but a 2xx; what its head says is noted."""
        self.record.status = status = response.status
        head = dict(response.headers)
        if not _TELLING.isdisjoint(head):
            request_id = head.get(b"x-request-id") or head.get(b"request-id") or head.get(b"x-amzn-requestid")
            if request_id is not None:
                ctx.provider_request_id = request_id.decode("latin-1")[:200]
                if self.codec.name == INVOKE:
                    self.head_tier = tier_in(head)
            if 200 <= status < 300 and (room := headroom(head, self.pipe.health.rules.quota_reserve)) is not None:
                self._left(room)
        return not 200 <= status < 300

    def _body(self, asked: Asked) -> bytes:
        """The provider's request body; what the client loses on the way is in the context."""
        if self.passthrough:
            if asked.ctx.dropped:  # of an earlier try at another provider
                asked.ctx.dropped = []
            body = dict(asked.body)
            body["model"] = self.target.model
            cap = asked.ctx.max_tokens_cap
            if cap is not None and lower_cap(body, cap, self.codec.name, self.provider.kind):
                say_capped(asked.ctx, cap)
            if asked.keeping is not None and asked.keeping.continued:
                body["input"] = without_foreign(body["input"])
        else:
            body = self._translated(asked)
        return self._finished(asked, body)

    def _translated(self, asked: Asked) -> dict[str, Any]:
        try:
            encoded = self._encoded(asked)
        except InvalidBody as exc:
            raise invalid(exc, asked.root) from None
        dropped = [under(asked.root, path) for path in encoded.dropped] if asked.root else list(encoded.dropped)
        if asked.codec.name == INVOKE:
            dropped += asked_invoke.lost_headers(asked.ctx)
        elif asked.codec.name == "anthropic_messages" and self.codec.name != INVOKE and b"anthropic-beta" in asked.ctx.headers:
            dropped.append("anthropic-beta")
        self._report(asked, dropped)
        return encoded.body

    def _finished(self, asked: Asked, body: dict[str, Any]) -> bytes:
        lost = self.provider.amend(body, self.codec.name)
        if lost:
            self._report(asked, [*asked.ctx.dropped, *lost])
        try:
            return dump_json(body)
        except InvalidBody as exc:
            raise invalid(exc) from None

    def _encoded(self, asked: Asked) -> Encoded:
        request = self.inlined or asked.decoded()
        if request.n > 1 and self.codec.name in SINGLE_CHOICE:
            request = self._single(request)
        cap = asked.ctx.max_tokens_cap
        if cap is not None and (request.max_tokens is None or request.max_tokens > cap):
            request = msgspec.structs.replace(request, max_tokens=cap)
            say_capped(asked.ctx, cap)
        return self.codec.encode_request(msgspec.structs.replace(request, model=self.target.model))

    def _single(self, request: ChatRequest) -> ChatRequest:
        path = request.path_of("n")
        if request.n > MAX_CALLS:
            raise BadRequest(f"{path}: {self.provider.name} gives one answer a call, so {path} can be {MAX_CALLS} at most", param=path)
        self.record.calls = request.n
        return msgspec.structs.replace(request, n=1)

    def _report(self, asked: Asked, dropped: list[str]) -> None:
        """Raises Untranslatable where the client wants all or nothing."""
        asked.ctx.dropped = dropped
        if dropped and asked.strict:
            raise Untranslatable(f"{self.provider.name} cannot carry: {', '.join(dropped)}", param=dropped[0], details={"dropped": dropped})

    async def rejected(self, response: UpstreamResponse) -> EdgeError:
        """The provider's own error. A member of a key pool that it refuses or throttles rests."""
        error = await provider_error(self.provider, self.key, self.codec, response)
        if not isinstance(error, ProviderRejected):
            return error
        if len(self.provider.keys.members) > 1 and response.status in _OF_THE_KEY:
            self._rest_key(error, monotonic())
        return error

    def _rest_key(self, error: ProviderRejected, now: float) -> None:
        """How far it reaches: providers/key_pool.py."""
        info, target = error.provider, self.target
        rest_s = info.retry_after_s or (THROTTLED_MAX_S if info.status == 429 else REFUSED_S)
        account_wide = info.status in (401, 402) or _UNPAID in (info.code, info.type)
        self.pipe.health.rest_key(target.provider if account_wide else target.id, self.key.fingerprint, now + rest_s, now)
        free_at = self._free_at(now)
        self.spared = not free_at
        if self.spared and not self.pinned:
            error.retryable = error.another_key = True
            error.retry_after_s = None
        elif free_at and error.retry_after_s is not None:
            error.retry_after_s = min(error.retry_after_s, free_at - now)

    def _left(self, room: Headroom) -> None:
        """Before the provider refuses, requests go elsewhere: to another key, else to another target."""
        stats = self.target.stats
        stats.quota_left = room.left
        if not room.rest_s:
            return
        now = monotonic()
        until = now + room.rest_s
        if len(self.provider.keys.members) > 1:
            self.pipe.health.rest_key(self.target.id, self.key.fingerprint, until, now)
            until = self._free_at(now)
        self.pipe.health.away(stats, until, QUOTA, now)

    def _free_at(self, now: float) -> float:
        """Of the pool, for this target; 0.0: a member is free."""
        return self.provider.keys.free_at(now, self.pipe.health.key_rests(self.target.id, self.target.provider))


def pinned_member(asked: Asked, pool: KeyPool) -> Credential | None:
    """The one whose account keeps what the request follows up, where it is one of these."""
    if asked.keeping is None or asked.keeping.pinned is None:
        return None
    return pool.of_account(asked.keeping.pinned.account)


def say_capped(ctx: RequestContext, cap: int) -> None:
    """The client learns that its answer may be shorter than it asked for."""
    ctx.headers_out = [header for header in ctx.headers_out if header[0] != CAPPED]
    ctx.headers_out.append((CAPPED, b"%d" % cap))


async def provider_error(provider: Provider, key: Credential, codec: Codec, response: UpstreamResponse) -> EdgeError:
    """Of an answer that is no 2xx: ProviderRejected, or why there is none to be had."""
    try:
        raw = await response.read()
    except TransportError as exc:
        return transport_error(provider.name, exc)
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in response.headers}
    info = codec.decode_error(response.status, raw[:ERROR_BODY_MAX], headers)
    if key.secret and key.secret in info.message:  # providers quote the key that they refuse (contract K)
        info = msgspec.structs.replace(info, message=info.message.replace(key.secret, "***"))
    if response.status < 400:
        return BadGateway(f"{provider.name} answered with status {response.status}")
    return ProviderRejected(info)


def transport_error(provider: str, exc: TransportError) -> EdgeError:
    """The cause is chained for the log; the client learns the phase, not our addresses."""
    if exc.timeout:
        return UpstreamTimeout(f"{provider} timed out ({exc.phase})")
    if exc.phase in ("connect", "tls"):
        return ConnectionFailed(f"{provider} could not be reached ({exc.phase})")
    kind = BadGateway if isinstance(exc, ResponseTooLarge) else ConnectionFailed
    return kind(f"the connection to {provider} failed ({exc.phase})")


def broken_answer(provider: str, exc: InvalidBody) -> BadGateway:
    where = f" at {exc.path}" if exc.path else ""
    return BadGateway(f"{provider} sent an answer that breaks its own schema{where}: {exc.message}", code="invalid_upstream_answer")
