"""Canonical stream events.

Order that every decoder keeps and every encoder may rely on: one StreamStart; per block one BlockStart, deltas, one BlockStop
(blocks of one choice do not overlap, but parallel tool calls of OpenAI's may interleave their deltas between start and stop, and a
provider's own call, an opaque block, may stay open beside others);
one Finish per choice; UsageUpdate anywhere after the start (cumulative: the last one holds); StreamEnd last, exactly once, and
only when the dialect's terminal evidence was seen (contract B). A provider's in-band error is a StreamFailed and ends the stream.
`block` indices are unique over the whole stream and count from 0 in order of their starts.
"""

from typing import Any, Literal

import msgspec

from proxy.core.errors import ErrorInfo
from proxy.core.messages import Part
from proxy.core.response import FinishReason, Usage

BlockKind = Literal["text", "thinking", "redacted_thinking", "tool_use", "refusal", "opaque"]


class StreamStart(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    created: int | None = None
    service_tier: str | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class BlockStart(msgspec.Struct, frozen=True, kw_only=True):
    block: int
    kind: BlockKind
    choice: int = 0
    id: str | None = None
    """Tool call id, for `tool_use`; of another block the id of its item, where the dialect has one (Responses)."""
    name: str | None = None
    """Tool name, for `tool_use`."""
    part: Part | None = None
    """The whole part where it arrives at once (`opaque`, `redacted_thinking`)."""


class TextDelta(msgspec.Struct, frozen=True, kw_only=True):
    """Text of a `text`, `thinking` or `refusal` block."""

    block: int
    text: str


class ArgumentsDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a tool call's JSON argument text."""

    block: int
    json: str


class SignatureDelta(msgspec.Struct, frozen=True, kw_only=True):
    block: int
    signature: str


class CitationDelta(msgspec.Struct, frozen=True, kw_only=True):
    block: int
    citation: dict[str, Any]
    dialect: str


class OpaqueDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A delta that only its own dialect understands."""

    block: int
    value: dict[str, Any]
    dialect: str


class LogprobsDelta(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI chat's `logprobs` object of one chunk."""

    choice: int
    logprobs: dict[str, Any]


class BlockStop(msgspec.Struct, frozen=True, kw_only=True):
    block: int


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    choice: int = 0
    reason: FinishReason = "stop"
    stop_sequence: str | None = None


class UsageUpdate(msgspec.Struct, frozen=True, kw_only=True):
    usage: Usage


class StreamPing(msgspec.Struct, frozen=True):
    """Keep-alive of the provider."""


class StreamFailed(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorInfo


class StreamEnd(msgspec.Struct, frozen=True):
    """Terminal evidence was seen and the stream is whole."""


StreamEvent = (
    StreamStart
    | BlockStart
    | TextDelta
    | ArgumentsDelta
    | SignatureDelta
    | CitationDelta
    | OpaqueDelta
    | LogprobsDelta
    | BlockStop
    | Finish
    | UsageUpdate
    | StreamPing
    | StreamFailed
    | StreamEnd
)


def is_content(event: StreamEvent) -> bool:
    """Whether the client sees content with this event: after it there is no retry (contract C)."""
    return isinstance(event, TextDelta | ArgumentsDelta | SignatureDelta | CitationDelta | OpaqueDelta) or (
        isinstance(event, BlockStart) and (event.part is not None or event.kind == "tool_use")
    )
