"""A stream that broke off in the middle of a text, and how another call goes on with it. Pure.

What the client has seen is decoded from the very bytes that it got, and a fresh encoder of its dialect is fed with that: it stands then
where the stream stands, whichever lane the bytes came through, and writes what follows: the same ids and block, one start and one stop.

Only a plain text goes on: one choice, one text block that is open, and nothing else before it.
"""

import re
from collections.abc import Sequence

import msgspec
import orjson

from proxy.codecs.base import Codec, InvalidBody, StreamDecoder, StreamEncoder
from proxy.codecs.eventstream import EventStreamParser, encode_frame
from proxy.codecs.openai_responses.stream_encode import ResponsesStreamEncoder
from proxy.core.events import BlockStart, BlockStop, Finish, StreamEnd, StreamEvent, StreamPing, StreamStart, TextDelta, UsageUpdate
from proxy.core.messages import Message, TextPart
from proxy.core.pricing import billed_tier
from proxy.core.request import ChatRequest
from proxy.core.response import Usage
from proxy.pipeline.fan_out import total
from proxy.pipeline.lanes import TranslateLane

DIALECTS = frozenset({"openai_chat", "anthropic_messages", "bedrock_converse", "gemini_generate", "openai_responses"})
"""Of clients whose streams can go on."""
INSTRUCTION = (
    "Your last message was cut off in the middle by a technical fault. Go on with it at exactly the character where it ends: "
    "repeat nothing of it, add no introduction, and do not mention the interruption."
)
_PREFILL_DIALECTS = frozenset({"anthropic_messages", "bedrock_converse"})
_PREFILL = re.compile(r"claude-(?:2|instant|3|(?:opus|sonnet|haiku)-4(?:-[015](?!\d)|-2\d{7}|@|$|-v))")
"""Models that go on with an assistant message that ends the prompt. From Claude 4.6 on it is refused with 400. Source: Anthropic, "What's
new in Claude 4.6", prefill removal, read 2026-11-26."""
_NUMBER = re.compile(rb'"sequence_number": ?(\d+)')
_EVENT_STREAM = b"application/vnd.amazon.eventstream"


class Seen(msgspec.Struct, frozen=True):
    """What the client has of a text that is not at its end."""

    text: str
    block: int
    events: tuple[StreamEvent, ...]
    number: int
    """Of the next event, in a dialect that numbers them."""

    def encoder(self, codec: Codec, request: ChatRequest | None = None) -> StreamEncoder:
        """One that has written all this."""
        encoder = codec.stream_encoder(request)
        for event in self.events:
            encoder.encode(event)
        if isinstance(encoder, ResponsesStreamEncoder):
            encoder.number_from(self.number)
        return encoder


def seen_of(codec: Codec, frames: bytes) -> Seen | None:
    """`frames`: all that the client got. None: it is no plain text that could go on."""
    if codec.name not in DIALECTS:
        return None
    try:
        events = codec.stream_decoder().feed(frames)
    except InvalidBody:
        return None
    starts = [event for event in events if isinstance(event, BlockStart)]
    if len(starts) != 1 or starts[0].kind != "text" or starts[0].choice != 0 or starts[0].part is not None:
        return None
    plain = StreamStart | BlockStart | TextDelta | UsageUpdate | StreamPing
    if not all(isinstance(event, plain) for event in events):
        return None
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    numbers = _NUMBER.findall(frames)
    return Seen(text, starts[0].block, tuple(events), int(numbers[-1]) + 1 if numbers else 0) if text else None


def may_go_on(request: ChatRequest) -> bool:
    """Whether its answer is a plain text, as far as the request says."""
    return (
        request.n == 1
        and (request.response_format is None or request.response_format.kind == "text")
        and not request.logprobs
        and request.top_logprobs is None
        and (request.reasoning is None or request.reasoning.mode in (None, "disabled"))
    )


def continued(request: ChatRequest, text: str, tokens: int, *, dialect: str, model: str) -> ChatRequest:
    """The request for the rest, for a target that is asked for `model` in `dialect`. `tokens`: what the text took of `max_tokens`."""
    said = Message(role="assistant", content=(TextPart(text=text),))
    ask = Message(role="user", content=(TextPart(text=INSTRUCTION),))
    prefill = dialect in _PREFILL_DIALECTS and _PREFILL.search(model) is not None and text == text.rstrip()  # the API refuses it otherwise
    left = None if request.max_tokens is None else max(1, request.max_tokens - tokens)
    return msgspec.structs.replace(request, messages=(*request.messages, said, *(() if prefill else (ask,))), max_tokens=left)


def flagged(frames: bytes, content_type: bytes, note: bytes) -> bytes:
    """The first event says so: it gets a member `x_llm_edge`. `note`: a JSON object."""
    if content_type.startswith(_EVENT_STREAM):
        first, *rest = EventStreamParser().feed(frames)
        headers = {name: value for name, value in first.headers.items() if isinstance(value, str)}
        return encode_frame(headers, _with(first.payload, note)) + b"".join([frame.raw for frame in rest])
    event, end, others = frames.partition(b"\n\n")
    return _with(event, note) + end + others


def _with(ending_in_object: bytes, note: bytes) -> bytes:
    return ending_in_object[: ending_in_object.rindex(b"}")] + b',"x_llm_edge":' + note + b"}"


def note_of(provider: str, model: str, code: str) -> bytes:
    return orjson.dumps({"continued": {"provider": provider, "model": model, "after": code}})


class ContinuedLane(TranslateLane):
    """The rest from another call: its text goes on in the block that is open; what it thinks before is not shown."""

    def __init__(
        self, decoder: StreamDecoder, encoder: StreamEncoder, seen: Seen, spent: Usage | None, *, content_type: bytes, note: bytes
    ) -> None:
        """`spent`: of the calls before, which the client's usage holds too."""
        super().__init__(decoder, encoder)
        self._spent = spent
        self._type = content_type
        self._note: bytes | None = note
        self._open: int | None = seen.block
        self._resumed = False
        self._next = seen.block + 1
        self._blocks: dict[int, int | None] = {}
        """Block of the call → block of the client's stream; None: not shown."""

    def feed(self, chunk: bytes) -> bytes:
        return self._told(super().feed(chunk))

    def close(self) -> bytes:
        return self._told(super().close())

    def _told(self, frames: bytes) -> bytes:
        if not frames or self._note is None:
            return frames
        note, self._note = self._note, None
        return flagged(frames, self._type, note)

    def _show(self, event: StreamEvent) -> bytes:
        if isinstance(event, StreamStart):
            self.model, self.service_tier = event.model or self.model, billed_tier(event.service_tier)
            return b""
        if isinstance(event, UsageUpdate):
            self.usage, self.service_tier = event.usage, event.usage.service_tier
            whole = event.usage if self._spent is None else total([self._spent, event.usage], calls=2)
            shown = self._encoder.encode(UsageUpdate(usage=whole))
            self.usage_chunk = self._encoder.usage_chunk
            return shown
        return b"".join([super(ContinuedLane, self)._show(one) for one in self._placed(event)])

    def _placed(self, event: StreamEvent) -> Sequence[StreamEvent]:
        if isinstance(event, BlockStart):
            return self._started(event)
        if isinstance(event, Finish | StreamEnd):
            return (*self._stop_open(), event)
        block = getattr(event, "block", None)
        if block is None:
            return (event,)
        place = self._blocks.get(block)
        if place is None:
            return ()
        if isinstance(event, BlockStop) and place == self._open:
            self._open = None
        return (msgspec.structs.replace(event, block=place),)

    def _started(self, event: BlockStart) -> Sequence[StreamEvent]:
        if event.kind in ("thinking", "redacted_thinking") or event.choice != 0:
            self._blocks[event.block] = None
            return ()
        if event.kind == "text" and self._open is not None and not self._resumed:
            self._resumed = True
            self._blocks[event.block] = self._open
            return ()
        place = self._blocks[event.block] = self._next
        self._next += 1
        return (*self._stop_open(), msgspec.structs.replace(event, block=place))

    def _stop_open(self) -> Sequence[StreamEvent]:
        open_, self._open = self._open, None
        return () if open_ is None else (BlockStop(block=open_),)
