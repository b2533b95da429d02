"""The blocks of one choice of a stream: the state machine drawn in `stream_decode`."""

from typing import Any, Literal

from proxy.codecs.base import InvalidBody
from proxy.codecs.openai_chat.fields import DIALECT, integer, optional, record, string
from proxy.codecs.openai_chat.finish import decode_finish, invented_id
from proxy.codecs.openai_chat.messages import arguments_text
from proxy.codecs.openai_chat.response import audio_part
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    StreamEvent,
    TextDelta,
)
from proxy.core.messages import OpaquePart

TextKind = Literal["text", "thinking", "refusal"]


class Numbering:
    """Block numbers of the whole stream, and what invented ids are made from."""

    def __init__(self) -> None:
        self.seed: tuple[object, ...] = ()
        self._next = 0

    def take(self) -> int:
        self._next += 1
        return self._next - 1


class _Call:
    """A tool call. Its block starts when its name is known."""

    __slots__ = ("block", "custom", "early", "id", "name")

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.name = ""
        self.block: int | None = None
        self.custom = False
        self.early = ""
        """Arguments that came before the name."""


class ChoiceDecoder:
    def __init__(self, index: int, numbering: Numbering) -> None:
        self.finished = False
        self._index = index
        self._numbering = numbering
        self._kind: TextKind | None = None
        self._block = 0
        """Of the open text-like block, where `_kind` is set."""
        self._calls: dict[int, _Call] = {}
        """By the provider's index: the calls whose blocks are open."""
        self._ended_calls: set[int] = set()
        self._latest = -1
        self._called = False
        self._audio: int | None = None
        self._pending: Finish | None = None

    def text(self, kind: TextKind, text: str, out: list[StreamEvent]) -> None:
        if not text:
            return
        if self._kind != kind:
            self._open_text(kind, out)
        out.append(TextDelta(block=self._block, text=text))

    def citation(self, citation: dict[str, Any], out: list[StreamEvent]) -> None:
        """An annotation belongs to the text, which may be over by then: an empty block carries it then."""
        if self._kind != "text":
            self._open_text("text", out)
        out.append(CitationDelta(block=self._block, citation=citation, dialect=DIALECT))

    def logprobs(self, logprobs: dict[str, Any], out: list[StreamEvent]) -> None:
        out.append(LogprobsDelta(choice=self._index, logprobs=logprobs))

    def audio(self, audio: dict[str, Any], out: list[StreamEvent]) -> None:
        """One opaque block for the whole spoken answer."""
        if self._audio is None:
            self._close_text(out)
            self._audio = self._numbering.take()
            out.append(BlockStart(block=self._audio, kind="opaque", choice=self._index, part=audio_part({})))
        out.append(OpaqueDelta(block=self._audio, value={"audio": audio}, dialect=DIALECT))

    def call(self, item: dict[str, Any], path: str, out: list[StreamEvent]) -> None:
        self._refuse_after_finish(path)
        key, call = self._find(item, path)
        kind = optional(item, "type", string, path)
        call.custom = call.custom or kind == "custom" or (kind is None and "custom" in item)
        inner = optional(item, "custom" if call.custom else "function", record, path) or {}
        call.name = call.name or optional(inner, "name", string, path) or ""
        piece = arguments_text(inner.get("input" if call.custom else "arguments"), f"{path}.function.arguments")
        if call.block is None and not call.name:
            call.early += piece
            return
        if call.block is None:
            self._start_call(key, call, out)
            piece = call.early + piece
        if piece and call.block is not None:
            out.append(_piece(call.block, piece, call.custom))

    def finish(self, reason: str, stop_reason: object, out: list[StreamEvent]) -> None:
        """A second finish_reason for the same choice adds nothing."""
        if self.finished:
            return
        self.finished = True
        self._close_text(out)
        self._close_calls(out)
        finish = decode_finish(reason, calls=self._called)
        sequence = stop_reason if finish == "stop" and isinstance(stop_reason, str) else None
        event = Finish(choice=self._index, reason="stop_sequence" if sequence else finish, stop_sequence=sequence)
        if self._audio is None:
            out.append(event)
        else:
            self._pending = event

    def end(self, out: list[StreamEvent]) -> None:
        """The stream is over: a spoken answer closes."""
        if self._audio is not None and self._pending is not None:
            out += [BlockStop(block=self._audio), self._pending]

    def _open_text(self, kind: TextKind, out: list[StreamEvent]) -> None:
        self._refuse_after_finish(f"choices[{self._index}].delta")
        self._close_text(out)
        self._close_calls(out)
        self._kind = kind
        self._block = self._numbering.take()
        out.append(BlockStart(block=self._block, kind=kind, choice=self._index))

    def _close_text(self, out: list[StreamEvent]) -> None:
        if self._kind is not None:
            out.append(BlockStop(block=self._block))
            self._kind = None

    def _close_calls(self, out: list[StreamEvent]) -> None:
        for key, call in self._calls.items():
            if call.block is None:
                raise InvalidBody(f"A tool call of choices[{self._index}] has no name", f"choices[{self._index}].delta.tool_calls")
            out.append(BlockStop(block=call.block))
            self._ended_calls.add(key)
        self._calls.clear()

    def _find(self, item: dict[str, Any], path: str) -> tuple[int, _Call]:
        """The call that a delta belongs to, or a new one."""
        call_id = optional(item, "id", string, path) or ""
        function = item.get("function") or item.get("custom")
        named = isinstance(function, dict) and bool(function.get("name"))
        key = optional(item, "index", integer(), path)
        if key is None:
            latest = self._calls.get(self._latest)
            key = self._latest + 1 if latest is None or (latest.name and (call_id or named)) else self._latest
        known = self._calls.get(key)
        if known is not None and named and call_id and known.id and call_id != known.id:
            key = max(self._calls) + 1
            known = self._calls.get(key)
        if known is None:
            if key in self._ended_calls and not named:
                raise InvalidBody(f"{path} goes on with a call that is over", path)
            known = self._calls[key] = _Call(call_id)
        self._latest = key
        known.id = known.id or call_id
        return key, known

    def _start_call(self, key: int, call: _Call, out: list[StreamEvent]) -> None:
        self._close_text(out)
        self._called = True
        block = call.block = self._numbering.take()
        call.id = call.id or invented_id("call_", *self._numbering.seed, self._index, block, call.name)
        if not call.custom:
            out.append(BlockStart(block=block, kind="tool_use", choice=self._index, id=call.id, name=call.name))
            return
        part = OpaquePart(dialect=DIALECT, value={"id": call.id, "type": "custom", "custom": {"name": call.name, "input": ""}})
        out.append(BlockStart(block=block, kind="opaque", choice=self._index, id=call.id, name=call.name, part=part))

    def _refuse_after_finish(self, path: str) -> None:
        if self.finished:
            raise InvalidBody(f"{path} carries content after its finish_reason", path)


def _piece(block: int, piece: str, custom: bool) -> StreamEvent:
    if custom:
        return OpaqueDelta(block=block, value={"custom": {"input": piece}}, dialect=DIALECT)
    return ArgumentsDelta(block=block, json=piece)
