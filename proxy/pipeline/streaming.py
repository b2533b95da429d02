"""A stream from upstream to its readers, with a truthful end (contract B).

    before the first content event      nothing is sent; a failure is an exception, and another target may be tried
    commit                              status 200 and what was held back go out
    after it                            a failure is an in-band error in the client's dialect, without a terminal event
    terminal evidence + clean end       the tail (usage chunk if asked for, `[DONE]`), then the answer may be stored

The leader's task reads the upstream itself until a follower joins its flight; then a pump task reads, and the leader becomes one of
the readers (`cache/flight.py`).
"""

import asyncio
from collections.abc import Callable
from time import monotonic

from proxy.cache.entry import CacheEntry
from proxy.cache.flight import Flight
from proxy.codecs.base import InvalidBody
from proxy.core.errors import BadGateway, ClientGone, EdgeError, ProviderRejected, StreamTruncated, Unavailable
from proxy.core.response import Usage
from proxy.pipeline.asked import Asked
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.keeping import Keeping
from proxy.pipeline.lanes import Lane
from proxy.pipeline.respond import Responder, metadata
from proxy.pipeline.settle import note_error, note_usage, store, usage_so_far
from proxy.pipeline.stream_clock import content_within
from proxy.pipeline.upstream import Upstream, broken_answer, transport_error
from proxy.transport.base import TransportError, UpstreamResponse

_NO_STREAM = frozenset((b"application/json", b"text/html", b"text/plain"))
"""Content types of no stream; others are given the benefit of the doubt."""


class StreamDrive:
    """One upstream stream. `run` is the leader's; `_pump_rest` takes over the reading once the flight is shared."""

    def __init__(
        self,
        pipe: Pipeline,
        asked: Asked,
        upstream: Upstream,
        response: UpstreamResponse,
        lane: Lane,
        out: Responder,
        flight: Flight | None,
    ) -> None:
        self._pipe = pipe
        self._asked = asked
        self._ctx = asked.ctx
        self._upstream = upstream
        self._response = response
        self._lane = lane
        self._out = out
        self._flight = flight
        self._next_chunk = response.next_chunk
        self._published: Callable[[bytes], None] | None = None
        """The flight's `publish`, once the first content is out."""
        self._stepping = False
        self._relaying = False
        self._held = b""
        self._broken: EdgeError | None = None
        """What the relay's sink met and the task is to raise."""
        self._shown = 0
        self._shown_bytes = 0
        self._pump: asyncio.Task[None] | None = None
        self._name = upstream.provider.name

    async def run(self) -> None:
        """Raises an EdgeError only before the first content; a later failure has been told to the client when this returns."""
        frames: bytes | None = await self._first()
        flight, keeping = self._flight, self._asked.keeping
        if flight is not None:
            flight.publish(frames or b"")
            self._published = flight.publish
            flight.on_shared = self._share
        try:
            while frames is not None:
                if flight is not None and (flight.shared or self._pump is not None):
                    await self._follow_own(flight)
                    return
                if keeping is not None and keeping.is_due(self._upstream, self._lane):
                    await keeping.record(self._upstream, self._lane.response_id)
                if frames:
                    self._shown += 1
                    self._shown_bytes += len(frames)
                    await self._out.write(frames)
                    if self._pump is not None:
                        continue
                lane = self._lane
                if self._ctx.server is not None and self._out.reframe is None and not lane.ended and lane.error is None:
                    write = self._ctx.server.write
                    await self._relay(write if keeping is None or keeping.recorded else self._held_back(write, keeping))
                    if self._held:
                        frames, self._held = self._held, b""
                        continue
                    if flight is not None and flight.shared:
                        continue
                frames = None if lane.ended and lane.error is None else await self._step()  # which raises the error
            self._land()
            await self._out.end(finish(self._pipe, self._asked, self._lane.usage_chunk))
            self._drain()
        except EdgeError as exc:
            self._note_failure(exc)
            if flight is not None:
                flight.fail(exc)
            await self._tell(exc)
        except asyncio.CancelledError:
            if self._pump is None:
                note_usage(self._ctx, self._upstream, self._used())
            raise

    async def _first(self) -> bytes:
        """Everything up to and including the first content event, or up to the end of an empty answer."""
        held = b""
        try:
            with content_within(self._upstream.within_s, self._upstream.sent_at):
                while not (self._lane.content or self._lane.complete or self._lane.ended):
                    held += await self._step()
        except TimeoutError:
            raise self._upstream.too_slow() from None
        now, upstream = monotonic(), self._upstream
        upstream.record.first_byte_s = now - upstream.sent_at
        self._ctx.first_token_s = now - self._ctx.started
        if upstream.ticket:
            self._pipe.health.answered(upstream.target.stats, now, upstream.sent_at, upstream.ticket)
            upstream.ticket = 0
        return held

    async def _relay(self, write: Callable[[bytes], bool]) -> None:
        """The fast way: each chunk goes from socket to socket inside its read event, while nobody else reads and the client keeps up. One
        task wake-up, one future and five coroutines fewer a chunk: a third of its cost. Whatever is unusual ends it and is `_step`'s."""
        lane, out, feed, published = self._lane, self._out, self._lane.feed, self._published
        shown = size = 0

        def sink(chunk: bytes) -> bool:
            nonlocal shown, size
            try:
                frames = feed(chunk)
            except InvalidBody as exc:
                self._broken = broken_answer(self._name, exc)
                return False
            if frames:
                shown += 1
                size += len(frames)
                if published is not None:
                    published(frames)
                out.touched = monotonic()
                if not write(frames):
                    return False
            return not lane.ended and lane.error is None

        self._relaying = True
        try:
            await self._response.relay(sink)
        finally:
            self._relaying = False
            self._shown += shown
            self._shown_bytes += size
            self._ctx.bytes_out += size
        if self._broken is not None:
            raise self._broken

    def _held_back(self, write: Callable[[bytes], bool], keeping: Keeping) -> Callable[[bytes], bool]:
        """`write` up to where the id must be recorded first: that is for a task to do."""

        def written(frames: bytes) -> bool:
            if keeping.is_due(self._upstream, self._lane):
                self._held = frames
                self._ctx.bytes_out -= len(frames)  # the relay counts them now, and the writer again
                return False
            return write(frames)

        return written

    async def _step(self) -> bytes:
        """The next whole events, published to the flight once content has been shown; sets `lane.ended` at a clean end. Raises an
        EdgeError on a broken or failed stream. One coroutine a chunk: this is the hot loop of every stream."""
        if self._lane.error is not None:
            raise ProviderRejected(self._lane.error)
        lane = self._lane
        self._stepping = True
        try:
            chunk = await self._next_chunk()
            frames = lane.feed(chunk) if chunk else lane.close()
        except TransportError as exc:
            chunk, frames = b"", self._broken_off(exc)
        except InvalidBody as exc:
            raise broken_answer(self._name, exc) from exc
        finally:
            self._stepping = False
        if lane.error is not None:
            if not (frames and lane.content):
                raise ProviderRejected(lane.error)  # else what came before the error is shown first
        elif not chunk:
            lane.ended = True
            if not lane.complete:
                raise self._ended_early()
        if frames and self._published is not None:
            self._published(frames)
        return frames

    def _ended_early(self) -> EdgeError:
        media = (self._response.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        if media in _NO_STREAM and not self._lane.content:
            text = f"{self._name} answered with {media.decode('ascii')} where a stream was asked for"
            return BadGateway(text, code="invalid_upstream_answer")
        return StreamTruncated(f"{self._name} ended its stream without its terminal event")

    def _broken_off(self, exc: TransportError) -> bytes:
        """A connection that breaks after the terminal evidence has ended the body as well."""
        if self._lane.complete and not exc.timeout:
            return self._lane.close()
        if exc.timeout:
            raise transport_error(self._name, exc) from exc
        raise StreamTruncated(f"the stream from {self._name} broke off") from exc

    def _share(self) -> None:
        """The first follower has joined. Unless the leader is reading just now, somebody else must from here on."""
        if self._relaying:
            self._response.stop_relay()
        elif not self._stepping and self._pump is None:
            self._pump = self._pipe.tasks.start(self._pump_rest(), name="stream-pump")

    async def _pump_rest(self) -> None:
        """Reads the rest at the pace of the fastest reader and ends the flight."""
        flight = self._flight
        if flight is None:
            return
        try:
            while not self._lane.ended or self._lane.error is not None:
                await flight.drained()
                await self._step()
            self._land()
        except EdgeError as exc:
            self._note_failure(exc)
            flight.fail(exc)
        except asyncio.CancelledError:
            note_usage(self._ctx, self._upstream, self._used())
            flight.fail(shutting_down() if flight.leaving else ClientGone("nobody reads this stream any more"))
            raise

    async def _follow_own(self, flight: Flight) -> None:
        """The leader as a reader of its own flight."""
        reader = flight.reader_at(self._shown, self._shown_bytes)
        flight.on_abandoned = self._abandon
        flight.leader_reads = True
        self._share()
        unsubscribe = self._pipe.lifecycle.on_force_end(self._leave)
        try:
            while (frame := await reader.next()) is not None:
                await self._out.write(frame)
            tail = flight.landed.tail if flight.landed is not None else b""
            await self._out.end(finish(self._pipe, self._asked, tail))
        except EdgeError as exc:
            await self._tell(exc)
        finally:
            reader.leave()
            try:
                if self._pump is not None and not self._pump.done():
                    await asyncio.wait({self._pump})  # the call's record is this request's, so it stays until the call is over
            finally:
                unsubscribe()

    def _leave(self) -> None:
        """The drain's grace is over: the call ends for its readers anywhere, also where its own client is gone already."""
        if self._flight is not None:
            self._flight.leaving = True
        self._abandon()

    def _abandon(self) -> None:
        if self._pump is not None:
            self._pump.cancel()

    def _land(self) -> None:
        """The stream is whole: note its usage, store it, release the followers."""
        note_usage(self._ctx, self._upstream, self._used())
        if self._flight is not None:
            body = self._flight.body()
            entry = None if body is None else self._entry(body)
            store(self._pipe, self._asked, entry, tool_calls=self._lane.tool_calls)
            self._flight.land(entry, self._lane.usage_chunk)

    def _entry(self, body: bytes) -> CacheEntry:
        lane = self._lane
        return CacheEntry(
            dialect=self._asked.codec.name,
            kind="sse",
            body=body,
            tail=lane.usage_chunk,
            response_id=lane.response_id or "",
            model=self._upstream.target.model,
            provider=self._name,
            usage=lane.usage,
            stored_at=self._pipe.clock.time(),
            dropped=tuple(self._ctx.dropped),
            content_type="text/event-stream",
            asked=self._asked.model,
            tenant=self._asked.tenant,
            tags=self._asked.tags,
        )

    async def _tell(self, exc: EdgeError) -> None:
        """The in-band error that ends the client's stream."""
        note_error(self._ctx, exc)
        await self._out.end(self._lane.fail(exc.info()))

    def _note_failure(self, exc: EdgeError) -> None:
        """Billed for what was sent (contract B)."""
        self._upstream.failure = exc
        self._upstream.record.error = exc.code
        self._pipe.meter.stream_truncated(self._name)
        note_usage(self._ctx, self._upstream, self._used())

    def _used(self) -> Usage:
        return usage_so_far(self._lane, len(self._ctx.body))

    def _drain(self) -> None:
        """Take the body's terminator, if it is not in yet, so that the connection can be used again."""
        if not self._response.finished:
            self._upstream.detached = True
            self._pipe.tasks.start(drain(self._response), name="stream-drain")


def shutting_down() -> Unavailable:
    return Unavailable("the gateway is shutting down", code="shutting_down")


def finish(pipe: Pipeline, asked: Asked, tail: bytes) -> bytes:
    """What ends a reader's stream: its usage chunk if it asked for one, and the dialect's last word."""
    spliced = metadata(asked.ctx) if tail and asked.include_usage and pipe.body_metadata else None
    return asked.codec.finish_stream(tail, include_usage=asked.include_usage, metadata=spliced)


async def drain(response: UpstreamResponse, wait_s: float = 0.25) -> None:
    try:
        async with asyncio.timeout(wait_s):
            while await response.next_chunk():
                continue
    except (TimeoutError, TransportError):
        pass
    finally:
        response.close()
