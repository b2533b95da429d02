"""The blocks of a stream of this dialect, as canonical events: the state machine drawn in `stream_decode`."""

from typing import Any, Literal

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.codecs.openai_responses.thinking import JOINT, decode_reasoning, is_redacted, signature_of
from proxy.core.events import (
    ArgumentsDelta,
    BlockKind,
    BlockStart,
    BlockStop,
    CitationDelta,
    LogprobsDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEvent,
    TextDelta,
)
from proxy.core.messages import OpaquePart, Part

TextKind = Literal["text", "refusal", "thinking"]


class Block:
    """One canonical block. `shown`: what of it went out, so that a `done` event adds only what is missing."""

    __slots__ = ("annotations", "logprobs", "number", "open", "shown")

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True
        self.shown = False
        self.annotations = 0
        self.logprobs = False


class Blocks:
    """Numbers blocks in order of their starts; at most one text-like block is open, and no call beside it."""

    def __init__(self) -> None:
        self.called = False
        """A function call has started."""
        self._next = 0
        self._text: Block | None = None
        self._calls: dict[int, Block] = {}

    def start_text(self, kind: TextKind, item_id: str | None, out: list[StreamEvent]) -> Block:
        self.close(out)
        self._text = self._start(kind, out, known_as=item_id)
        return self._text

    def start_call(self, call_id: str, name: str, out: list[StreamEvent]) -> Block:
        self._close_text(out)
        self.called = True
        block = self._start("tool_use", out, known_as=call_id, name=name)
        self._calls[block.number] = block
        return block

    def start_whole(self, part: Part, kind: BlockKind, out: list[StreamEvent]) -> Block:
        """A built-in tool's call may be open beside others, as function calls may."""
        self._close_text(out)
        return self._start(kind, out, part=part)

    def stop(self, block: Block, out: list[StreamEvent]) -> None:
        if not block.open:
            return
        block.open = False
        self._calls.pop(block.number, None)
        if block is self._text:
            self._text = None
        out.append(BlockStop(block=block.number))

    def close(self, out: list[StreamEvent]) -> None:
        """Every text-like block and function call."""
        self._close_text(out)
        for block in list(self._calls.values()):
            self.stop(block, out)

    def _close_text(self, out: list[StreamEvent]) -> None:
        if self._text is not None:
            self.stop(self._text, out)

    def _start(
        self, kind: BlockKind, out: list[StreamEvent], *, known_as: str | None = None, name: str | None = None, part: Part | None = None
    ) -> Block:
        block = Block(self._next)
        self._next += 1
        out.append(BlockStart(block=block.number, kind=kind, id=known_as, name=name, part=part))
        return block


class MessageItem:
    """A message: one block for each content part that shows something."""

    def __init__(self, blocks: Blocks, item_id: str | None) -> None:
        self._blocks = blocks
        self._id = item_id
        self._parts: dict[int, Block] = {}

    def text(self, index: int, kind: TextKind, text: str, out: list[StreamEvent]) -> None:
        block = self._open(index, kind, out)
        if text:
            block.shown = True
            out.append(TextDelta(block=block.number, text=text))

    def annotation(self, index: int, annotation: dict[str, Any], out: list[StreamEvent]) -> None:
        block = self._open(index, "text", out)
        block.annotations += 1
        out.append(CitationDelta(block=block.number, citation=annotation, dialect=DIALECT))

    def logprobs(self, index: int, logprobs: list[Any], out: list[StreamEvent]) -> None:
        block = self._open(index, "text", out)
        block.logprobs = True
        out.append(LogprobsDelta(choice=0, logprobs={"content": logprobs, "refusal": None}))

    def finish_text(self, index: int, kind: TextKind, text: str, out: list[StreamEvent]) -> None:
        """The whole text, for servers that stream none of it."""
        block = self._parts.get(index)
        if block is None or (block.open and not block.shown):
            self.text(index, kind, text, out)

    def finish_part(self, index: int, part: dict[str, Any], out: list[StreamEvent]) -> None:
        kind = part.get("type")
        block = self._parts.get(index)
        if kind in ("output_text", "refusal"):
            text = part.get("text" if kind == "output_text" else "refusal")
            self.finish_text(index, "text" if kind == "output_text" else "refusal", text if isinstance(text, str) else "", out)
        elif block is None:
            block = self._parts[index] = self._blocks.start_whole(OpaquePart(dialect=DIALECT, value=part), "opaque", out)
        block = self._parts[index]
        if block.open and kind == "output_text":
            annotations, logprobs = part.get("annotations"), part.get("logprobs")
            if isinstance(annotations, list):
                for annotation in annotations[block.annotations :]:
                    self.annotation(index, annotation, out)
            if isinstance(logprobs, list) and logprobs and not block.logprobs:
                self.logprobs(index, logprobs, out)
        self._blocks.stop(block, out)

    def finish(self, item: dict[str, Any], out: list[StreamEvent]) -> None:
        """The item's parts in order are those seen in order: some servers number the streamed ones otherwise (vLLM from 1)."""
        content = item.get("content")
        seen = sorted(self._parts)
        for place, part in enumerate(content if isinstance(content, list) else ()):
            index = seen[place] if place < len(seen) else max(self._parts, default=-1) + 1
            known = self._parts.get(index)
            if isinstance(part, dict) and (known is None or known.open):
                self.finish_part(index, part, out)
        for block in self._parts.values():
            self._blocks.stop(block, out)

    def _open(self, index: int, kind: TextKind, out: list[StreamEvent]) -> Block:
        """A part that another block has closed goes on in a new one."""
        block = self._parts.get(index)
        if block is None or not block.open:
            block = self._parts[index] = self._blocks.start_text(kind, self._id, out)
        return block


class CallItem:
    """A function call: its block starts with the item."""

    def __init__(self, blocks: Blocks, call_id: str, name: str, out: list[StreamEvent]) -> None:
        self._blocks = blocks
        self._block = blocks.start_call(call_id, name, out)

    def arguments(self, text: str, path: str, out: list[StreamEvent]) -> None:
        if not self._block.open:
            raise InvalidBody(f"{path} goes on with a call that is over", path)
        if text:
            self._block.shown = True
            out.append(ArgumentsDelta(block=self._block.number, json=text))

    def finish_arguments(self, text: str, path: str, out: list[StreamEvent]) -> None:
        """The whole text, for servers that stream none of it."""
        if self._block.open and not self._block.shown:
            self.arguments(text, path, out)

    def finish(self, out: list[StreamEvent]) -> None:
        self._blocks.stop(self._block, out)


class ReasoningItem:
    """Its texts are one thinking block, which starts with the first of them; its id and encrypted content come at the end."""

    def __init__(self, blocks: Blocks, item_id: str | None) -> None:
        self._blocks = blocks
        self._id = item_id
        self._block: Block | None = None
        self._pieces: set[tuple[str, int]] = set()
        """The texts that went out."""
        self._latest: object = None

    def text(self, piece: tuple[str, int], text: str, out: list[StreamEvent]) -> None:
        """`piece`: which text, (`summary` or `content`, index)."""
        if not text:
            return
        if self._block is None or not self._block.open:
            self._block = self._blocks.start_text("thinking", self._id, out)
        elif self._latest != piece:
            text = JOINT + text
        self._latest = piece
        self._pieces.add(piece)
        out.append(TextDelta(block=self._block.number, text=text))

    def finish_text(self, piece: tuple[str, int], text: str, out: list[StreamEvent]) -> None:
        if piece not in self._pieces:
            self.text(piece, text, out)

    def finish(self, item: dict[str, Any], path: str, out: list[StreamEvent]) -> None:
        part = decode_reasoning(item, path)
        if is_redacted(item):
            self._blocks.stop(self._blocks.start_whole(part, "redacted_thinking", out), out)
            return
        for key in ("summary", "content"):
            for index, value in enumerate(item.get(key) or ()):
                self.finish_text((key, index), value["text"], out)
        if self._block is None or not self._block.open:
            self._block = self._blocks.start_text("thinking", self._id, out)
        if (signature := signature_of(item, path)) is not None:
            out.append(SignatureDelta(block=self._block.number, signature=signature))
        self._blocks.stop(self._block, out)


class OpaqueItem:
    """A built-in tool's call, a custom call, an unknown item: its events go by as they are, its last one holds the item."""

    def __init__(self, blocks: Blocks, item: dict[str, Any], out: list[StreamEvent]) -> None:
        self._blocks = blocks
        self._block = blocks.start_whole(OpaquePart(dialect=DIALECT, value=item), "opaque", out)

    def event(self, event: dict[str, Any], out: list[StreamEvent]) -> None:
        if self._block.open:
            value = {key: item for key, item in event.items() if key not in ("sequence_number", "output_index", "item_id")}
            out.append(OpaqueDelta(block=self._block.number, value=value, dialect=DIALECT))

    def finish(self, event: dict[str, Any], out: list[StreamEvent]) -> None:
        self.event(event, out)
        self._blocks.stop(self._block, out)


Item = MessageItem | CallItem | ReasoningItem | OpaqueItem
