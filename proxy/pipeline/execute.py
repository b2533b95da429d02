"""One governed generation request, from the parsed body to the last byte.

asked → cache (L1, L2) → a call under way that can be joined, here or elsewhere → own call: route, attempts, answer → store
"""

import asyncio
from collections.abc import Sequence
from time import monotonic

import msgspec

from proxy.cache.entry import ANSWER_LOSS, CacheEntry
from proxy.cache.flight import Flight, HandedOver, Landed
from proxy.cache.policy import never_shared
from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_invoke.headers import usage_of
from proxy.codecs.jsonbody import dump_json, require_utf8
from proxy.codecs.openai_responses.errors import FailedAnswer
from proxy.core.context import Verdict
from proxy.core.errors import ClientFault, ClientGone, EdgeError, ProviderRejected, Unavailable, Unsupported, UpstreamFault, UpstreamTimeout
from proxy.core.response import Usage
from proxy.pipeline import replay
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Attempts, NotAdmitted, Stop, Try
from proxy.pipeline.boarding import Boarding
from proxy.pipeline.choosing import choose
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.fallbacks import may_read
from proxy.pipeline.gates import entered
from proxy.pipeline.lanes import Lane, TranslateLane
from proxy.pipeline.respond import Responder, metadata, splice_object
from proxy.pipeline.revalidate import revalidate
from proxy.pipeline.semantic import Semantic, similar
from proxy.pipeline.settle import note_error, note_usage, store
from proxy.pipeline.shadow import shadow
from proxy.pipeline.stream_clock import KeepAlive
from proxy.pipeline.streaming import StreamDrive, finish
from proxy.pipeline.tries import attempts_of, concluded, note_again, stopped
from proxy.pipeline.upstream import Upstream, broken_answer, transport_error
from proxy.routing.failures import wished
from proxy.routing.health import Outcome
from proxy.routing.rules import ShadowRules
from proxy.transport.base import Header, TransportError, UpstreamResponse


class Generation:
    """`embed` and `count` have other kinds of upstream, and answers that are translated otherwise; all else is the same. What few routes
    want (`hedge`, `continuation`) is in subclasses, so that the others' requests do not even ask for it."""

    __slots__ = ("asked", "attempts", "boarding", "ctx", "flight", "out", "pipe")
    upstream: type[Upstream] = Upstream
    drive: type[StreamDrive] = StreamDrive
    attempts: Attempts
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

    async def streamed(self) -> None:
        pipe, ctx, out, codec = self.pipe, self.ctx, self.out, self.asked.codec
        ping = codec.stream_encoder().keep_alive if out.reframe is None else bytes  # an array allows nothing between its elements
        keep_alive = KeepAlive(out, pipe.keepalive_after_s, ping, pipe.tasks)
        unsubscribe = pipe.lifecycle.on_force_end(ctx.end_now)
        try:
            try:
                await self.run()
            except asyncio.CancelledError:
                if not ctx.ending or ctx.cancelled or ctx.task is None:
                    raise
                ctx.task.uncancel()
                raise Unavailable("the gateway is shutting down", code="shutting_down") from None
        except EdgeError as exc:
            if not out.started or out.ended:
                raise
            note_error(ctx, exc)
            await out.end(codec.stream_encoder().fail(exc.info()))
        finally:
            unsubscribe()
            keep_alive.stop()

    async def run(self) -> None:
        asked, pipe, ctx = self.asked, self.pipe, self.ctx
        key = asked.key
        if key is None:
            ctx.cache_status = "bypass"
            if asked.route.rules.shadow is None or never_shared(asked.body, asked.codec.name) is not None:
                await self._call()
            else:
                await self._shadowed(asked.route.rules.shadow)
            return
        if asked.verdict.read:
            max_age = asked.verdict.max_age_s
            entry, tier = pipe.cache.peek(key, max_age), "l1"
            if entry is None and pipe.cache.has_l2:
                entry, tier = await self._fetch(key), "l2"
            if entry is not None and self._permits(entry.provider, entry.model):
                if self._stale(entry):
                    revalidate(pipe, asked, key)
                await self._instead(entry, tier)
                return
            if pipe.semantic is not None and await self._similar(pipe.semantic):
                return
        ctx.cache_status = "miss"
        if asked.verdict.join:
            while True:
                try:
                    flight = pipe.flights.find(key)
                    if flight is None and self.boarding is not None:
                        flight = await self.boarding.theirs()
                    if flight is None or not self._may_read(flight):
                        break
                    if self.boarding is not None:
                        self.boarding.let_go()
                    if await self._follow(flight):
                        return
                    break
                except HandedOver:
                    if pipe.flights.shared is not None and await self._again(key):
                        return
            flight = pipe.flights.lead(key)
            if self.boarding is not None:
                self.boarding.lead(flight)
        else:
            flight = Flight()  # nobody can find it, but its answer may be stored
        self.flight = flight
        ctx.on_disconnect, flight.on_abandoned = self._client_left, self._abandoned
        try:
            await self._call()
            if asked.route.rules.shadow is not None:
                shadow(pipe, asked, asked.route.rules.shadow, self._answered(flight))
        except EdgeError as exc:
            flight.fail(exc, handover=isinstance(exc, UpstreamTimeout) or exc.blame == "client")
            raise
        finally:
            if flight.landed is None:
                flight.fail(ClientGone("the request that made this call is gone"), handover=True)
            flight.on_shared = flight.on_abandoned = None
            pipe.flights.end(key, flight)

    async def _shadowed(self, rules: ShadowRules) -> None:
        """A call that passes the cache by, and its copy."""
        self.flight = flight = Flight()  # nobody can find it; it keeps the answer for comparison
        await self._call()
        shadow(self.pipe, self.asked, rules, self._answered(flight))

    async def _fetch(self, key: bytes) -> CacheEntry | None:
        """From L2, which is not asked while there is a call here to join."""
        pipe, asked = self.pipe, self.asked
        if asked.verdict.join:
            flight = pipe.flights.find(key)
            if flight is not None and self._may_read(flight):
                return None
            if pipe.flights.shared is not None:
                if self.boarding is None:
                    self.boarding = Boarding(pipe, asked, pipe.flights.shared, key)
                return await self.boarding.fetch()
        return await pipe.cache.fetch(key, asked.verdict.max_age_s)

    async def _instead(self, entry: CacheEntry, tier: str) -> None:
        """A stored answer, instead of the call that this request may have got the lease for."""
        if self.boarding is not None:
            self.boarding.let_go()
        await self._serve(entry, tier)

    async def _again(self, key: bytes) -> bool:
        """After a call that was joined came to nothing: whether another's answer could be served."""
        cache, max_age = self.pipe.cache, self.asked.verdict.max_age_s
        entry, tier = cache.peek(key, max_age), "l1"
        if entry is None and cache.has_l2:
            entry, tier = await self._fetch(key), "l2"
        if entry is None or not self._permits(entry.provider, entry.model):
            return False
        await self._instead(entry, tier)
        return True

    def _stale(self, entry: CacheEntry) -> bool:
        fresh_s = self.pipe.cache_rules.fresh_s
        return fresh_s is not None and entry.age_s(self.pipe.clock.time()) > fresh_s

    def _answered(self, flight: Flight) -> bytes | None:
        """The whole answer, for comparison."""
        entry = flight.landed.entry if flight.landed is not None else None
        try:
            return None if entry is None else replay.whole(entry, self.asked.codec, self.pipe.clock.time())
        except InvalidBody:
            return None

    async def _similar(self, semantic: Semantic) -> bool:
        """Answered from a question that means the same."""
        found = await similar(self.pipe, self.asked, semantic)
        if found is None or self._stale(found[0]) or not self._permits(found[0].provider, found[0].model):
            return False
        entry, near = found
        self.ctx.headers_out.append((b"x-llm-edge-cache-similarity", b"%.4f" % near.similarity))
        self.pipe.meter.semantic_hit()
        await self._instead(entry, "semantic")
        return True

    async def _serve(self, entry: CacheEntry, tier: str) -> None:
        ctx, asked = self.ctx, self.asked
        ctx.cache_status, ctx.cache_tier = "hit", tier
        ctx.provider, ctx.served_model, ctx.usage, ctx.cost_nanos = "cache", entry.model, entry.usage, 0
        if entry.dropped:
            ctx.dropped = list(entry.dropped)
        now = self.pipe.clock.time()
        try:
            if asked.stream:
                body, tail = replay.stream(entry, asked.codec, now)
                await self.out.write(body)
                await self.out.end(finish(self.pipe, asked, tail))
            else:
                answer = self._with_metadata(replay.whole(entry, asked.codec, now), None)
                if not self.out.whole(answer):
                    await self.out.json(answer)
        except InvalidBody as exc:
            raise broken_answer("the cache", exc) from exc

    def _may_read(self, flight: Flight) -> bool:
        return flight.provider is None or self._permits(flight.provider, flight.model or "")

    def _permits(self, provider: str, model: str) -> bool:
        """Whether an answer that another request got there may be this one's, too."""
        if self.ctx.permit(provider, model).error is not None:
            return False
        return not self.asked.route.falls_back or may_read(self.pipe, self.asked, provider, model)

    async def _follow(self, flight: Flight) -> bool:
        """Join a call under way. False: it is answered by a target that this request may not use. Raises HandedOver when its leader is gone
        and nothing was shown yet."""
        self.pipe.meter.single_flight_joined(flight.tier)
        reader, judged = flight.join(), False
        try:
            async with asyncio.timeout_at(self.asked.deadline):
                landed: Landed | None
                if not self.asked.stream:
                    landed = await reader.outcome()
                else:
                    while (frame := await reader.next()) is not None:
                        if not judged and not self._may_read(flight):
                            return False
                        judged = True
                        self._note_flight(flight)
                        await self.out.write(frame)
                    landed = flight.landed
        except TimeoutError:
            raise UpstreamTimeout("the deadline passed while waiting for a shared call") from None
        except HandedOver:
            self.pipe.meter.single_flight_handed_over()
            raise
        except EdgeError as exc:
            if not self.out.started:
                self.ctx.cache_status, self.ctx.cache_tier = "miss", None
                raise
            note_error(self.ctx, exc)
            await self.out.end(self.asked.codec.stream_encoder().fail(exc.info()))
            return True
        finally:
            reader.leave()
        if not judged and not self._may_read(flight):
            return False
        await self._end_following(flight, landed.entry if landed is not None else None, landed.tail if landed is not None else b"")
        return True

    async def _end_following(self, flight: Flight, entry: CacheEntry | None, tail: bytes) -> None:
        self._note_flight(flight)
        self.ctx.cost_nanos = 0
        if flight.started and self.asked.stream:
            await self.out.end(finish(self.pipe, self.asked, tail))
        elif entry is None:
            raise Unavailable("the shared answer is too large to be handed out", retryable=True)
        else:
            await self._serve(entry, flight.tier)

    def _note_flight(self, flight: Flight) -> None:
        ctx = self.ctx
        ctx.cache_status, ctx.cache_tier = "hit", flight.tier
        ctx.provider, ctx.served_model, ctx.dropped = flight.provider, flight.model, flight.dropped or []

    def _client_left(self) -> None:
        flight, task = self.flight, self.ctx.task
        if task is not None and flight is not None and (flight.leader_reads or not flight.shared):
            task.cancel()

    def _abandoned(self) -> None:
        if self.ctx.cancelled and self.ctx.task is not None:
            self.ctx.task.cancel()

    async def _call(self) -> None:
        """The attempts. Raises the last error; returns when the answer is out (or failed in-band)."""
        pipe, asked = self.pipe, self.asked
        now = monotonic()
        decision = choose(pipe, asked, now)
        self.attempts = attempts = attempts_of(pipe, asked, decision, now)
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
                attempts.failed(step.target, exc, now, sent=not self.ctx.attempts or self.ctx.attempts[-1].sent)
            except NotAdmitted as exc:
                attempts.refused(step.target, exc.error)
            except (ClientFault, Unsupported) as exc:  # what only a fallback cannot carry is not the client's mistake
                if attempts.failure is None or self.ctx.attempts[-1].sent:
                    raise
                attempts.refused(step.target, exc)
            finally:
                if step.place is not None:
                    step.place.leave()

    def _begin(self, step: Try) -> Upstream:
        """The try's record."""
        ctx, flight, target = self.ctx, self.flight, step.target
        if ctx.max_tokens_cap is not None and flight is not None and all(tried.error is not None for tried in ctx.attempts):
            flight = self.flight = self.pipe.flights.parted(self.asked.key, flight)  # an answer cut short is nobody else's
        upstream = self.upstream(self.pipe, self.asked, target)
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
            self._ended(upstream, failure or upstream.failure, told=told)

    def _ended(self, upstream: Upstream, error: EdgeError | None, *, told: bool) -> None:
        """The target's statistics learn of it. `told`: it came to an end of its own; False: cancelled, or a fault of ours."""
        usage, record, now = self.ctx.usage, upstream.record, monotonic()
        record.duration_s = now - upstream.sent_at
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
            output_tokens=usage.output_tokens if usage is not None else 0,
            timed=self.timed,
            retry_after_s=wished(error, record.failure),
        )
        self.pipe.meter.attempt_done(record)

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
                billed = None
                if not raw.isascii():
                    require_utf8(raw)  # facts look at what they need and pass over the rest
            else:
                raw, billed = self.translated(upstream, raw)
            facts = asked.codec.facts(raw)
        except FailedAnswer as exc:
            raise ProviderRejected(exc.error) from exc
        except InvalidBody as exc:
            raise broken_answer(name, exc) from exc
        asked.answer_id = facts.response_id
        usage = billed
        if upstream.passthrough:
            usage = facts.usage or usage_of(headers)
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
                dropped=tuple(ctx.dropped),
                asked=asked.model,
                tenant=asked.tenant,
                tags=asked.tags,
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
