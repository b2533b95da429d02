"""Between a stream's events and a whole answer, both ways, whatever the dialect."""

from collections.abc import Iterator
from typing import Any, assert_never

import orjson

from proxy.core.errors import ErrorInfo
from proxy.core.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    SignatureDelta,
    StreamEnd,
    StreamEvent,
    StreamFailed,
    StreamPing,
    StreamStart,
    TextDelta,
    UsageUpdate,
)
from proxy.core.messages import OpaquePart, Part, RedactedThinkingPart, RefusalPart, TextPart, ThinkingPart, ToolUsePart
from proxy.core.response import ChatResponse, Choice, Usage


class _Block:
    __slots__ = ("arguments", "citations", "dialect", "opaque", "signature", "start", "text")

    def __init__(self, start: BlockStart) -> None:
        self.start = start
        self.text: list[str] = []
        self.arguments: list[str] = []
        self.signature = ""
        self.citations: list[dict[str, Any]] = []
        self.opaque: list[dict[str, Any]] = []
        self.dialect: str | None = None

    def part(self) -> Part | None:
        """None for a kind that has no part of its own to show yet."""
        start = self.start
        text = "".join(self.text)
        match start.kind:
            case "text":
                return TextPart(text=text, citations=tuple(self.citations), citations_dialect=self.dialect)
            case "thinking":
                return ThinkingPart(text=text, signature=self.signature or None)
            case "refusal":
                return RefusalPart(text=text)
            case "tool_use":
                return ToolUsePart(id=start.id or "", name=start.name or "", arguments="".join(self.arguments))
            case "redacted_thinking" | "opaque":
                part = start.part
                return _grown(part, self.opaque) if isinstance(part, OpaquePart) and self.opaque else part
            case _:
                assert_never(start.kind)


class Accumulator:
    """Folds events into the answer they stand for; what has been added so far can be asked for at any time."""

    def __init__(self) -> None:
        self.complete = False
        """StreamEnd was seen."""
        self.error: ErrorInfo | None = None
        """Of a StreamFailed."""
        self._start = StreamStart(id="", model="")
        self._blocks: dict[int, _Block] = {}
        self._finishes: dict[int, Finish] = {}
        self._logprobs: dict[int, dict[str, Any]] = {}
        self._usage: Usage | None = None

    def add(self, event: StreamEvent) -> None:
        """A delta of a block that never started is an error of the decoder's: KeyError."""
        match event:
            case TextDelta():
                self._blocks[event.block].text.append(event.text)
            case ArgumentsDelta():
                self._blocks[event.block].arguments.append(event.json)
            case BlockStart():
                self._blocks[event.block] = _Block(event)
            case SignatureDelta():
                self._blocks[event.block].signature += event.signature
            case CitationDelta():
                block = self._blocks[event.block]
                block.citations.append(event.citation)
                block.dialect = event.dialect
            case OpaqueDelta():
                self._blocks[event.block].opaque.append(event.value)
            case LogprobsDelta():
                _extend(self._logprobs.setdefault(event.choice, {}), event.logprobs)
            case Finish():
                self._finishes[event.choice] = event
            case UsageUpdate():
                self._usage = event.usage
            case StreamStart():
                self._start = event
            case StreamFailed():
                self.error = event.error
            case StreamEnd():
                self.complete = True
            case BlockStop() | StreamPing():
                pass
            case _:
                assert_never(event)

    def response(self) -> ChatResponse:
        """Choices in the order of their indices; one without a Finish ends with "other"."""
        start = self._start
        indices = sorted({block.start.choice for block in self._blocks.values()} | self._finishes.keys() | self._logprobs.keys())
        return ChatResponse(
            id=start.id,
            model=start.model,
            choices=tuple(self._choice(index) for index in indices),
            usage=self._usage,
            created=start.created,
            service_tier=start.service_tier,
            extra=start.extra,
        )

    def _choice(self, index: int) -> Choice:
        finish = self._finishes.get(index) or Finish(choice=index, reason="other")
        parts = [block.part() for _, block in sorted(self._blocks.items()) if block.start.choice == index]
        return Choice(
            index=index,
            content=tuple(part for part in parts if part is not None),
            finish=finish.reason,
            stop_sequence=finish.stop_sequence,
            logprobs=self._logprobs.get(index),
        )


def response_to_events(response: ChatResponse) -> list[StreamEvent]:
    """A whole answer as the events of a stream that would have carried it. Parts that no stream carries (a generated image, audio)
    are left out; `Choice.extra` has no event."""
    events: list[StreamEvent] = [
        StreamStart(
            id=response.id,
            model=response.model,
            created=response.created,
            service_tier=response.service_tier,
            extra=response.extra,
        )
    ]
    block = 0
    for choice in response.choices:
        for part in choice.content:
            start = _start_of(part, block, choice.index)
            if start is not None:
                events += [start, *_deltas(part, block), BlockStop(block=block)]
                block += 1
        if choice.logprobs is not None:
            events.append(LogprobsDelta(choice=choice.index, logprobs=choice.logprobs))
        events.append(Finish(choice=choice.index, reason=choice.finish, stop_sequence=choice.stop_sequence))
    if response.usage is not None:
        events.append(UsageUpdate(usage=response.usage))
    events.append(StreamEnd())
    return events


def _start_of(part: Part, block: int, choice: int) -> BlockStart | None:
    match part:
        case TextPart():
            return BlockStart(block=block, kind="text", choice=choice)
        case ThinkingPart():
            return BlockStart(block=block, kind="thinking", choice=choice)
        case RefusalPart():
            return BlockStart(block=block, kind="refusal", choice=choice)
        case ToolUsePart():
            return BlockStart(block=block, kind="tool_use", choice=choice, id=part.id, name=part.name)
        case RedactedThinkingPart():
            return BlockStart(block=block, kind="redacted_thinking", choice=choice, part=part)
        case OpaquePart():
            return BlockStart(block=block, kind="opaque", choice=choice, part=part)
        case _:
            return None


def _deltas(part: Part, block: int) -> Iterator[StreamEvent]:
    if isinstance(part, TextPart | ThinkingPart | RefusalPart) and part.text:
        yield TextDelta(block=block, text=part.text)
    if isinstance(part, TextPart):
        for citation in part.citations:
            yield CitationDelta(block=block, citation=citation, dialect=part.citations_dialect or "")
    elif isinstance(part, ThinkingPart) and part.signature is not None:
        yield SignatureDelta(block=block, signature=part.signature)
    elif isinstance(part, ToolUsePart) and part.arguments:
        yield ArgumentsDelta(block=block, json=part.arguments)


def _grown(part: OpaquePart, deltas: list[dict[str, Any]]) -> OpaquePart:
    """The part with its deltas: Anthropic's `input_json_delta` pieces are its `input`'s text; of OpenAI's Responses the last event holds
    the whole item; any other delta is merged in place (texts and lists grow, objects merge)."""
    if part.dialect == "openai_responses":
        items = [delta["item"] for delta in deltas if "item" in delta]
        return OpaquePart(dialect=part.dialect, value=items[-1]) if items else part
    value: dict[str, Any] = dict(part.value)
    pieces = [str(delta.get("partial_json") or "") for delta in deltas if delta.get("type") == "input_json_delta"]
    if text := "".join(pieces):
        value["input"] = _parsed(text)
    for delta in deltas:
        if delta.get("type") != "input_json_delta":
            value = _merged(value, {key: item for key, item in delta.items() if key != "type"})
    return OpaquePart(dialect=part.dialect, value=value)


def _parsed(text: str) -> Any:
    """The text itself where a token limit cut it off."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _merged(old: Any, new: Any) -> Any:
    """A fresh value; neither argument is changed."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), item) for key, item in new.items()}}
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    return old if new is None else new


def _extend(total: dict[str, Any], piece: dict[str, Any]) -> None:
    """Logprobs of one more chunk: their token lists are appended."""
    for key, value in piece.items():
        known = total.get(key)
        if isinstance(known, list) and isinstance(value, list):
            total[key] = known + value
        elif value is not None or key not in total:
            total[key] = value
