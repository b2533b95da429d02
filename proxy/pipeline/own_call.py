"""The call that a request makes itself: its tries, and each try from the target to the answer.

route → try … try → whole answer or stream → statistics, usage, cache entry
"""

import asyncio
from collections.abc import Awaitable, Sequence
from time import monotonic

import msgspec

from proxy.cache.entry import ANSWER_LOSS, CacheEntry
from proxy.cache.flight import Flight
from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.headers import usage_of
from proxy.codecs.jsonbody import dump_json, require_utf8
from proxy.codecs.openai_responses.errors import FailedAnswer
from proxy.core.context import AttemptRecord, Verdict
from proxy.core.errors import ClientFault, EdgeError, ProviderRejected, Unsupported, UpstreamFault
from proxy.core.response import Usage
from proxy.pipeline import replay
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Attempts, NotAdmitted, Stop, Try
from proxy.pipeline.boarding import Boarding
from proxy.pipeline.choosing import choose
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.gates import entered
from proxy.pipeline.lanes import Lane, TranslateLane
from proxy.pipeline.respond import Responder, metadata, splice_object
from proxy.pipeline.settle import note_usage, store
from proxy.pipeline.streaming import StreamDrive
from proxy.pipeline.tries import after_sole, attempts_of, concluded, note_again, sole_try, stopped
from proxy.pipeline.upstream import Upstream, broken_answer, transport_error
from proxy.routing.candidate import Candidate
from proxy.routing.failures import wished
from proxy.routing.health import Outcome
from proxy.transport.base import Header, TransportError, UpstreamResponse


class OwnCall:
    """What a request that calls for itself is made of. Subclasses change the kinds of upstream and of drive, and single steps."""

    __slots__ = ("asked", "attempts", "boarding", "ctx", "flight", "out", "pipe")
    upstream: type[Upstream] = Upstream
    drive: type[StreamDrive] = StreamDrive
    attempts: Attempts
    """From the second try on; from the first where there is a choice."""
    timed = True
    """Whether what its calls take says something of a generation."""

    def __init__(self, pipe: Pipeline, asked: Asked, out: Responder) -> None:
        self.pipe = pipe
        self.asked = asked
        self.ctx = asked.ctx
        self.out = out
        self.flight: Flight | None = None
        """The one that this request leads."""
        self.boarding: Boarding | None = None
        """Where other processes may make the call."""

    def _call(self) -> Awaitable[None]:
        """The attempts. Raises the last error; returns when the answer is out (or failed in-band)."""
        pipe, asked = self.pipe, self.asked
        now = monotonic()
        sole = sole_try(asked, now)
        if sole is not None:
            return self._sole(sole)
        self.attempts = attempts_of(pipe, asked, choose(pipe, asked, now), now)
        return self._tries(self.attempts, now)

    async def _sole(self, sole: Try) -> None:
        """The only target first; should it fail, the attempts go on from there."""
        try:
            await self._try(sole)
            return
        except UpstreamFault as exc:
            now = monotonic()
            self.attempts = attempts = after_sole(self.pipe, self.asked, sole)
            attempts.failed(sole.target, exc, now, sent=not self.ctx.attempts or self.ctx.attempts[-1].sent)
        except NotAdmitted as exc:
            now = monotonic()
            self.attempts = attempts = after_sole(self.pipe, self.asked, sole)
            attempts.refused(sole.target, exc.error)
        await self._tries(attempts, now)

    async def _tries(self, attempts: Attempts, now: float) -> None:
        pipe, asked = self.pipe, self.asked
        while True:
            step = attempts.next(now)
            if isinstance(step, Stop):
                raise stopped(pipe, asked, step)
            if step.delay_s > 0:
                await asyncio.sleep(step.delay_s)
                now = monotonic()
                if step.target.stats.barred(now) is not None:
                    attempts.not_begun(step)
                    continue
            if step.target.gate is not None:
                step = await entered(pipe, asked, attempts, step)
                now = monotonic()
            try:
                await self._try(step)
                return
            except UpstreamFault as exc:
                now = monotonic()
                attempts.failed(self._tried(step), exc, now, sent=not self.ctx.attempts or self.ctx.attempts[-1].sent)
            except NotAdmitted as exc:
                attempts.refused(step.target, exc.error)
            except (ClientFault, Unsupported) as exc:  # what only a fallback cannot carry is not the client's mistake
                if attempts.failure is None or self.ctx.attempts[-1].sent:
                    raise
                attempts.refused(step.target, exc)
            finally:
                if step.place is not None:
                    step.place.leave()

    def _tried(self, step: Try) -> Candidate:
        """Whose the failure is."""
        return step.target

    def _begin(self, step: Try) -> Upstream:
        """The try's record."""
        ctx, flight, target = self.ctx, self.flight, step.target
        if ctx.max_tokens_cap is not None and flight is not None and all(tried.error is not None for tried in ctx.attempts):
            flight = self.flight = self.pipe.flights.parted(self.asked.key, flight)  # an answer cut short is nobody else's
        upstream = self.upstream(self.pipe, self.asked, target)
        if step.place is not None:
            upstream.take_place(step.place)
        if ctx.attempts or step.delay_s or self.asked.fallbacks is not None:
            note_again(self.pipe, self.asked, upstream, step.delay_s)
        ctx.attempts.append(upstream.record)
        ctx.provider, ctx.served_model = target.provider, target.model
        if flight is not None:
            flight.provider, flight.model = target.provider, target.model
        return upstream

    async def _try(self, step: Try) -> None:
        pipe, ctx, asked, target = self.pipe, self.ctx, self.asked, step.target
        verdict = ctx.top_up(target.provider, target.model)
        if not isinstance(verdict, Verdict):
            verdict = await verdict
        if verdict.error is not None:
            raise NotAdmitted(verdict.error)
        upstream, flight = self._begin(step), self.flight
        record = upstream.record
        response: UpstreamResponse | None = None
        failure: EdgeError | None = None
        told = False
        upstream.ticket = pipe.health.started(target.stats, upstream.sent_at)
        try:
            if pipe.fetch is not None and not upstream.passthrough:
                await upstream.inline(pipe.fetch, asked)
            request = upstream.request(pipe, asked)
            if flight is not None and ctx.dropped:
                flight.dropped = ctx.dropped
            record.sent = True
            try:
                if record.calls == 1 and upstream.within_s is None:
                    response = await upstream.provider.transport.send(request)
                else:
                    response = await upstream.send(pipe, request)
            except TransportError as exc:
                record.sent = exc.sent
                raise transport_error(target.provider, exc) from exc
            if upstream.refused(ctx, response):
                raise await upstream.rejected(response)
            if asked.stream:
                ctx.upstream_s += monotonic() - upstream.sent_at
                await self.drive(pipe, asked, upstream, response, self._lane(upstream), self.out, flight).run()
            else:
                try:
                    raw = response.whole()
                    if raw is None:
                        raw = await response.read()
                except TransportError as exc:
                    raise transport_error(target.provider, exc) from exc
                finally:
                    ctx.upstream_s += monotonic() - upstream.sent_at
                answer = self._whole(upstream, raw, response.headers)
                if asked.keeping is not None:
                    await asked.keeping.record(upstream, asked.answer_id)
                if not self.out.whole(answer):
                    await self.out.json(answer)
            told = True
        except EdgeError as exc:
            failure, told = exc, True
            record.error = exc.code
            if isinstance(exc.__cause__, TransportError):
                record.cause = str(exc.__cause__)[:500]
            raise
        finally:
            if response is not None and not upstream.detached:
                response.close()
            self._ended(upstream, record, failure or upstream.failure, told=told)
            pipe.meter.attempt_done(record)

    def _ended(self, upstream: Upstream, record: AttemptRecord, error: EdgeError | None, *, told: bool) -> None:
        """The target's statistics learn of it. `told`: it came to an end of its own; False: cancelled, or a fault of ours."""
        usage, now = self.ctx.usage, monotonic()
        record.duration_s = now - upstream.sent_at
        tokens = usage.output_tokens if usage is not None else 0
        if error is None and told:
            first_s = record.first_byte_s
            self.pipe.health.went_well(upstream.target.stats, now, upstream.sent_at, upstream.ticket, first_s, tokens, timed=self.timed)
            return
        outcome: Outcome = concluded(self.asked, upstream, error, now) if told else "cancelled"
        if upstream.spared or (outcome == "refused" and not self.timed):
            outcome = "cancelled"  # the target has other keys; an endpoint for counting that is not there says nothing of the model
        self.pipe.health.ended(
            upstream.target.stats,
            now,
            outcome,
            began=upstream.sent_at,
            ticket=upstream.ticket,
            first_token_s=record.first_byte_s,
            output_tokens=tokens,
            timed=self.timed,
            retry_after_s=wished(error, record.failure),
        )

    def _lane(self, upstream: Upstream) -> Lane:
        codec = self.asked.codec
        if upstream.passthrough:
            return codec.watcher()
        encoder = codec.stream_encoder(self.asked.decoded())
        keeping, known_as = self.asked.keeping, None
        if keeping is not None:
            keeping.streams(encoder)
            known_as = keeping.id if keeping.keeps else None
        return TranslateLane(upstream.stream_decoder(), encoder, dialect=codec.name, model=upstream.target.model, known_as=known_as)

    def _whole(self, upstream: Upstream, raw: bytes, headers: Sequence[Header]) -> bytes:
        """A provider's whole answer, as the client gets it; metered, stored and shared on the way."""
        ctx, asked, pipe, flight = self.ctx, self.asked, self.pipe, self.flight
        name = upstream.target.provider
        try:
            if upstream.passthrough:
                if not raw.isascii():
                    require_utf8(raw)  # facts look at what they need and pass over the rest
                facts = asked.codec.facts(raw)
                usage = facts.usage or usage_of(headers)
            else:
                raw, usage = self.translated(upstream, raw)
                facts = asked.codec.facts(raw)
        except FailedAnswer as exc:
            raise ProviderRejected(exc.error) from exc
        except InvalidBody as exc:
            raise broken_answer(name, exc) from exc
        asked.answer_id = facts.response_id
        note_usage(ctx, upstream, usage)
        if flight is not None:
            entry = CacheEntry(
                dialect=asked.codec.name,
                kind="json",
                body=raw,
                response_id=facts.response_id or "",
                created=facts.created,
                model=upstream.target.model,
                provider=name,
                usage=usage,
                stored_at=pipe.clock.time(),
                dropped=tuple(ctx.dropped) if ctx.dropped else (),
                asked=asked.model,
                tenant="" if ctx.principal is None else ctx.principal.tenant,
                tags=asked.tags if asked.wishes else (),
            )
            if facts.finished:
                store(pipe, asked, entry, tool_calls=facts.tool_calls)
            flight.land(entry)
        return self._with_metadata(raw, facts.has_metadata)

    def translated(self, upstream: Upstream, raw: bytes) -> tuple[bytes, Usage | None]:
        """The client's body, and what is billed: its dialect may not have all of that. Raises InvalidBody, FailedAnswer."""
        codec, keeping = self.asked.codec, self.asked.keeping
        decoded = upstream.decoded(raw)
        own_id = keeping.id if keeping is not None and keeping.keeps else replay.own_id(codec.name, decoded.id)
        if own_id != decoded.id or not decoded.model:  # Converse names neither
            decoded = msgspec.structs.replace(decoded, id=own_id, model=decoded.model or upstream.target.model)
        encoded = codec.encode_response(decoded)
        if encoded.dropped:
            self.ctx.dropped += [ANSWER_LOSS + name for name in encoded.dropped]
        if keeping is not None:
            keeping.answered(encoded.body)
        return dump_json(encoded.body), decoded.usage

    def _with_metadata(self, body: bytes, has_metadata: bool | None) -> bytes:
        """`has_metadata` None: to be found out."""
        if not self.pipe.body_metadata or self.asked.codec.name != "openai_chat":
            return body
        if has_metadata is None:
            has_metadata = b'"metadata"' in body and self.asked.codec.facts(body).has_metadata
        return splice_object(body, b"x_llm_edge" if has_metadata else b"metadata", metadata(self.ctx))
