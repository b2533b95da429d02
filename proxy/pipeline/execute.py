"""One governed generation request, from the parsed body to the last byte.

asked → cache (L1, L2) → a call under way that can be joined, here or elsewhere → own call: route, attempts, answer → store
"""

import asyncio

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import Flight, HandedOver, Landed
from proxy.cache.policy import never_shared
from proxy.codecs.base import InvalidBody
from proxy.core.context import EVERYBODY
from proxy.core.errors import ClientGone, EdgeError, Unavailable, UpstreamTimeout
from proxy.pipeline import replay
from proxy.pipeline.boarding import Boarding
from proxy.pipeline.fallbacks import may_read
from proxy.pipeline.own_call import OwnCall
from proxy.pipeline.revalidate import revalidate
from proxy.pipeline.semantic import Semantic, similar
from proxy.pipeline.settle import note_error
from proxy.pipeline.shadow import shadow
from proxy.pipeline.stream_clock import KeepAlive
from proxy.pipeline.streaming import finish, shutting_down
from proxy.pipeline.upstream import broken_answer
from proxy.routing.rules import ShadowRules


class Generation(OwnCall):
    """`embed` and `count` have other kinds of upstream, and answers that are translated otherwise; all else is the same. What few routes
    want (`hedge`, `continuation`) is in subclasses, so that the others' requests do not even ask for it."""

    __slots__ = ()

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
                raise shutting_down() from None
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
        verdict, cache = asked.verdict, pipe.cache
        if verdict.read:
            entry, tier = cache.peek(key, verdict.max_age_s), "l1"
            if entry is None and cache.has_l2:
                entry, tier = await self._fetch(key), "l2"
            if entry is not None and self._permits(entry.provider, entry.model):
                if pipe.cache_rules.fresh_s is not None and self._stale(entry):
                    revalidate(pipe, asked, key)
                if asked.stream or self.boarding is not None or not self._served_whole(entry, tier):
                    await self._instead(entry, tier)
                return
            if pipe.semantic is not None and await self._similar(pipe.semantic):
                return
        ctx.cache_status = "miss"
        if verdict.join:
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
                self._give_up(flight)
            flight.on_shared = flight.on_abandoned = None
            pipe.flights.end(key, flight)

    def _give_up(self, flight: Flight) -> None:
        flight.leaving = flight.leaving or self.ctx.ending
        gone = shutting_down() if self.ctx.ending else ClientGone("the request that made this call is gone")
        flight.fail(gone, handover=True)

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

    def _served_whole(self, entry: CacheEntry, tier: str) -> bool:
        """The same as `_instead` at once, for a whole answer that the server takes: two coroutines of a hit's ten saved. False: no byte is
        out."""
        self._note_hit(entry, tier)
        try:
            return self.out.whole(self._with_metadata(replay.whole(entry, self.asked.codec, self.pipe.clock.time()), None))
        except InvalidBody as exc:
            raise broken_answer("the cache", exc) from exc

    def _note_hit(self, entry: CacheEntry, tier: str) -> None:
        ctx = self.ctx
        ctx.cache_status, ctx.cache_tier = "hit", tier
        ctx.provider, ctx.served_model, ctx.usage, ctx.cost_nanos = "cache", entry.model, entry.usage, 0
        if entry.dropped:
            ctx.dropped = list(entry.dropped)

    async def _serve(self, entry: CacheEntry, tier: str) -> None:
        asked = self.asked
        self._note_hit(entry, tier)
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
        permit = self.ctx.permit
        if permit is not EVERYBODY and permit(provider, model).error is not None:
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
