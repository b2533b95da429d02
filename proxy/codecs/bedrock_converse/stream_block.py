"""One content block of a ConverseStream, between its start and its stop.

begun by                              kind                        its parts
delta text or citation                text                        at once
delta reasoningContent                thinking                    at once
delta reasoningContent.redactedContent  redacted_thinking         gathered: the whole block at its stop
start image                           opaque, an ImagePart        gathered likewise
start toolUse                         tool_use                    at once
start toolUse of a server tool        opaque                      its input gathered
start toolResult, anything new        opaque                      at once
"""

from typing import Any, Literal

import orjson

from proxy.codecs.base import InvalidBody
from proxy.codecs.bedrock_converse import blobs, fields
from proxy.codecs.bedrock_converse.blocks import PLAIN_TYPES, decode_content
from proxy.codecs.bedrock_converse.shape import Shape
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEvent,
    TextDelta,
)
from proxy.core.messages import OpaquePart, Part

_DELTA = "contentBlockDelta.delta"
_START = "contentBlockStart.start"


class OpenBlock:
    """The base is an opaque block: each delta is passed on as its own dialect's."""

    gathers = False
    """Deltas are kept until the stop."""

    def __init__(self, block: int, start: BlockStart | None) -> None:
        self.block = block
        self._start = start

    def opening(self) -> list[StreamEvent]:
        return [] if self._start is None else [self._start]

    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        value = {"toolResult": {"content": member}} if kind == "toolResult" else {kind: member}
        return [OpaqueDelta(block=self.block, value=value, dialect=fields.DIALECT)]

    def stop(self) -> list[StreamEvent]:
        return [BlockStop(block=self.block)]


class _Text(OpenBlock):
    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        if kind == "text":
            return [TextDelta(block=self.block, text=fields.as_text(member, f"{_DELTA}.text"))]
        if kind == "citation":
            citation = fields.as_object(member, f"{_DELTA}.citation")
            return [CitationDelta(block=self.block, citation=citation, dialect=fields.DIALECT)]
        raise _misplaced(kind, "text")


class _Thinking(OpenBlock):
    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        if kind != "reasoningContent":
            raise _misplaced(kind, "reasoning")
        inner, value = fields.union(member, f"{_DELTA}.{kind}")
        path = f"{_DELTA}.{kind}.{inner}"
        if inner == "text":
            return [TextDelta(block=self.block, text=fields.as_text(value, path))]
        if inner == "signature":
            return [SignatureDelta(block=self.block, signature=fields.as_text(value, path))]
        raise _misplaced(f"{kind}.{inner}", "reasoning")


class _Call(OpenBlock):
    """A call without a piece of input has an empty one."""

    def __init__(self, block: int, start: BlockStart) -> None:
        super().__init__(block, start)
        self._empty = True

    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        text = _input_piece(kind, member)
        if not text:
            return []
        self._empty = False
        return [ArgumentsDelta(block=self.block, json=text)]

    def stop(self) -> list[StreamEvent]:
        stop = BlockStop(block=self.block)
        return [ArgumentsDelta(block=self.block, json="{}"), stop] if self._empty else [stop]


class _ServerCall(OpenBlock):
    gathers = True

    def __init__(self, block: int, start: BlockStart) -> None:
        super().__init__(block, start)
        self._pieces: list[str] = []

    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        self._pieces.append(_input_piece(kind, member))
        return []

    def stop(self) -> list[StreamEvent]:
        text = "".join(self._pieces) or "{}"
        try:
            given = orjson.loads(text)
        except orjson.JSONDecodeError:
            given = text
        return [OpaqueDelta(block=self.block, value={"toolUse": {"input": given}}, dialect=fields.DIALECT), BlockStop(block=self.block)]


class _Redacted(OpenBlock):
    gathers = True

    def __init__(self, block: int) -> None:
        super().__init__(block, None)
        self._data = b""

    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        path = f"{_DELTA}.reasoningContent.redactedContent"
        if kind != "reasoningContent":
            raise _misplaced(kind, "redacted reasoning")
        inner, value = fields.union(member, f"{_DELTA}.{kind}")
        if inner != "redactedContent":
            raise _misplaced(f"{kind}.{inner}", "redacted reasoning")
        self._data += blobs.raw(fields.as_text(value, path), path)
        return []

    def stop(self) -> list[StreamEvent]:
        part = blobs.redacted_part(self._data)
        kind: Literal["opaque", "redacted_thinking"] = "opaque" if isinstance(part, OpaquePart) else "redacted_thinking"
        return [BlockStart(block=self.block, kind=kind, part=part), BlockStop(block=self.block)]


class _Image(OpenBlock):
    gathers = True

    def __init__(self, block: int, start: dict[str, Any]) -> None:
        super().__init__(block, None)
        self._image = dict(start)

    def delta(self, kind: str, member: Any) -> list[StreamEvent]:
        if kind != "image":
            raise _misplaced(kind, "image")
        for key, value in fields.as_object(member, f"{_DELTA}.image").items():
            self._image[key] = value
        return []

    def stop(self) -> list[StreamEvent]:
        """An image that failed has an `error` in place of its source."""
        part: Part = OpaquePart(dialect=fields.DIALECT, value={"image": self._image})
        if "source" in self._image:
            (part,) = decode_content([{"image": self._image}], "contentBlock", "contentBlock", Shape())
        return [BlockStart(block=self.block, kind="opaque", part=part), BlockStop(block=self.block)]


def start_block(block: int, kind: str, member: dict[str, Any] | None) -> OpenBlock:
    """`member`: of the contentBlockStart of that kind; None where a delta of that kind is the block's first event."""
    if kind == "toolUse" and member is not None:
        name, call_id = fields.name(member, "name", f"{_START}.toolUse"), fields.name(member, "toolUseId", f"{_START}.toolUse")
        if fields.optional_text(member, "type", f"{_START}.toolUse") in PLAIN_TYPES:
            return _Call(block, BlockStart(block=block, kind="tool_use", id=call_id, name=name))
        return _ServerCall(block, _opaque(block, {"toolUse": member}))
    if kind in ("text", "citation"):
        return _Text(block, BlockStart(block=block, kind="text"))
    if kind == "reasoningContent":
        return _Thinking(block, BlockStart(block=block, kind="thinking"))
    if kind == "reasoningContent.redactedContent":
        return _Redacted(block)
    if kind == "image":
        return _Image(block, member or {})
    if kind == "toolUse":
        raise InvalidBody(f"{_DELTA}.toolUse: the block has no start", f"{_DELTA}.toolUse")
    return OpenBlock(block, _opaque(block, {} if member is None else {kind: member}))


def _opaque(block: int, value: dict[str, Any]) -> BlockStart:
    return BlockStart(block=block, kind="opaque", part=OpaquePart(dialect=fields.DIALECT, value=value))


def _input_piece(kind: str, member: Any) -> str:
    if kind != "toolUse":
        raise _misplaced(kind, "toolUse")
    return fields.text(fields.as_object(member, f"{_DELTA}.toolUse"), "input", f"{_DELTA}.toolUse")


def _misplaced(kind: str, block: str) -> InvalidBody:
    return InvalidBody(f"{_DELTA}: {kind} in a {block} block", _DELTA)
