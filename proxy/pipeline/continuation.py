"""A stream that breaks off after its first content goes on with another target (`models.<name>.continue_streams`).

    stream breaks    may it go on (a plain text, nobody else reads it, a try is left)? no: the in-band error, as always
    yes              its record gets a bill; the failure goes to the attempts, which choose the next try as after any other
    that try         asks for the rest of the text (continued_text.py) and is the client's stream from then on; its first event says so
    no try is left   the in-band error, of what broke the stream

A stream that followers share is not continued, nobody can join one that is, and it is not cached: no text of two calls is anybody's but
the one client's that was told.
"""

from collections.abc import Callable
from typing import cast

from proxy.cache.policy import never_shared
from proxy.codecs.base import Encoded
from proxy.core.context import Bill
from proxy.core.errors import EdgeError, ProviderRejected, StreamTruncated, UpstreamTimeout
from proxy.core.pricing import Cost
from proxy.core.response import Usage
from proxy.pipeline.asked import Asked
from proxy.pipeline.attempts import Try
from proxy.pipeline.continued_text import ContinuedLane, Seen, continued, may_go_on, note_of, seen_of
from proxy.pipeline.deps import Pipeline
from proxy.pipeline.hedge import HedgedGeneration, RacedDrive, Racer
from proxy.pipeline.lanes import Lane
from proxy.pipeline.respond import Responder
from proxy.pipeline.settle import FREE, cost_of, note_error, usage_so_far
from proxy.pipeline.upstream import Also, Upstream

KEPT_BYTES = 4 * 1024 * 1024
"""Of a client's stream; a longer one ends where it breaks. As a flight keeps for its followers."""


class Continuing(Racer):
    """`story`: of the request's stream so far."""

    __slots__ = ("story",)
    story: "Story"

    def _encoded(self, asked: Asked) -> Encoded:
        story = self.story
        if story.seen is None:
            return super()._encoded(asked)
        request = self.inlined or asked.decoded()
        self.inlined = continued(request, story.seen.text, story.tokens, dialect=self.codec.name, model=self.target.model)
        return super()._encoded(asked)


class Story:
    """What the client has got, over all calls."""

    __slots__ = ("_frames", "_size", "broke", "cost", "left", "seen", "tokens", "usage")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._size = 0
        self.left: Callable[[], int] = int
        """How many tries there are left."""
        self.broke: EdgeError | None = None
        """What broke the stream off last."""
        self.seen: Seen | None = None
        """None: it has not broken."""
        self.tokens = 0
        """Of output so far."""
        self.usage: Usage | None = None
        self.cost: Cost = FREE
        """Both of the calls that broke off."""

    def show(self, frames: bytes) -> None:
        self._size += len(frames)
        if self._size <= KEPT_BYTES:
            self._frames.append(frames)

    def text(self, asked: Asked) -> Seen | None:
        """What there is to go on with, if that may be."""
        if self._size > KEPT_BYTES or asked.keeping is not None or never_shared(asked.body, asked.codec.name) is not None:
            return None
        try:
            if not may_go_on(asked.decoded()):
                return None
        except EdgeError:  # its own dialect's upstream took it
            return None
        return seen_of(asked.codec, b"".join(self._frames))


class ContinuedDrive(RacedDrive):
    """Keeps what the client has got, and lets the attempts have the failure of a stream that may go on."""

    async def _first(self) -> bytes:
        ctx = self._ctx
        first_token_s = ctx.first_token_s
        held = await super()._first()
        story = self._story
        if story.seen is not None:
            ctx.first_token_s = first_token_s
            self._pipe.meter.stream_continued(self._asked.route.name, "continued")
        story.show(held)
        return held

    async def _step(self) -> bytes:
        content = self._lane.content
        frames = await super()._step()
        if content:
            self._story.show(frames)
        return frames

    async def _relay(self, write: Callable[[bytes], bool]) -> None:
        show = self._story.show

        def shown(frames: bytes) -> bool:
            show(frames)
            return write(frames)

        await super()._relay(shown)

    async def _tell(self, exc: EdgeError) -> None:
        story, shared = self._story, self._pump is not None or (self._flight is not None and self._flight.shared)
        if shared or not may_help(exc) or (seen := story.text(self._asked)) is None:
            await super()._tell(exc)
            return
        if story.left() <= 0:
            self._pipe.meter.stream_continued(self._asked.route.name, "failed")
            await super()._tell(exc)
            return
        ctx, upstream = self._ctx, self._upstream
        used = usage_so_far(self._lane, len(ctx.body))
        upstream.record.bill = Bill(usage=used, cost=cost_of(upstream, used, ctx.unix_started))
        story.broke, story.seen = exc, seen
        story.tokens += used.output_tokens
        story.usage, story.cost = ctx.usage, ctx.cost or FREE
        raise exc

    @property
    def _story(self) -> Story:
        return cast("Continuing", self._upstream).story


class ContinuedGeneration(HedgedGeneration):
    __slots__ = ("_story",)
    upstream = Continuing
    drive = ContinuedDrive

    def __init__(self, pipe: Pipeline, asked: Asked, out: Responder) -> None:
        super().__init__(pipe, asked, out)
        self._story = Story()
        self._story.left = lambda: self.attempts.left

    async def _call(self) -> None:
        try:
            await super()._call()
        except EdgeError:
            story, codec = self._story, self.asked.codec
            if story.seen is None or story.broke is None:
                raise
            self.pipe.meter.stream_continued(self.asked.route.name, "failed")
            note_error(self.ctx, story.broke)
            await self.out.end(story.seen.encoder(codec).fail(story.broke.info()))

    async def _try(self, step: Try) -> None:
        if self._story.seen is not None:  # nobody shares it any more: it is not kept, and ends when its client leaves
            self._may = False
            self.flight = self.ctx.on_disconnect = None
        await super()._try(step)

    def _begin(self, step: Try) -> Upstream:
        upstream = cast("Continuing", super()._begin(step))
        upstream.story = story = self._story
        if story.seen is not None:
            upstream.record.role = "continuation"
            upstream.also = Also(story.cost, story.usage)
            upstream.passthrough = False
            upstream.codec = self.asked.codec_for(self.pipe, upstream.provider)
        return upstream

    def _lane(self, upstream: Upstream) -> Lane:
        story, asked = self._story, self.asked
        if story.seen is None or story.broke is None:
            return super()._lane(upstream)
        target = upstream.target
        lane = cast("Racer", upstream).lane = ContinuedLane(
            upstream.stream_decoder(),
            story.seen.encoder(asked.codec, asked.decoded()),
            story.seen,
            story.usage,
            content_type=asked.codec.stream_type,
            note=note_of(target.provider, target.model, story.broke.code),
        )
        return lane


def may_help(exc: EdgeError) -> bool:
    """Whether it is the call's end that failed, not the answer."""
    return isinstance(exc, StreamTruncated | UpstreamTimeout) or (isinstance(exc, ProviderRejected) and exc.retryable)
