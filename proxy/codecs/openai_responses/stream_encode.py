"""Canonical events → the event stream of a response.

Source: OpenAI API reference, "Streaming events" of Responses; openai-python 3.54, types/responses/*_event.py and lib/streaming/responses,
read 2026-11-25.

    response.created, response.in_progress       with the first thing that is shown: an attempt that dies before it leaves no trace
    text, refusal     output_item.added (message) where none is open, content_part.added, deltas, …done, content_part.done;
                      the message is done when anything else begins
    thinking          output_item.added (reasoning), summary part and text, output_item.done with the signature as encrypted content
    tool_use          output_item.added (function_call), arguments, output_item.done; several may be open, each with its own index
    opaque            output_item.added, the events of the call, output_item.done
    StreamEnd         whatever is open is done; response.completed, or response.incomplete where the finish reason says so

A block that shows nothing (empty text) leaves no part. Only choice 0 is carried.
"""

from typing import Any, assert_never

from proxy.codecs.answer_loss import lost_usage
from proxy.codecs.base import StreamEncoder
from proxy.codecs.logprobs import tokens_of
from proxy.codecs.openai_chat.finish import invented_id
from proxy.codecs.openai_custom import call_for_responses
from proxy.codecs.openai_responses.content import annotation_of
from proxy.codecs.openai_responses.errors import error_event
from proxy.codecs.openai_responses.fields import DIALECT
from proxy.codecs.openai_responses.finish import encode_finish, is_near
from proxy.codecs.openai_responses.response import answer_id, envelope, foreign_names
from proxy.codecs.openai_responses.stream_items import (
    CallOut,
    CustomOut,
    ItemOut,
    MessageOut,
    OpaqueOut,
    ThinkingOut,
    Writer,
    redacted,
)
from proxy.codecs.openai_responses.thinking import EDGE_ID
from proxy.codecs.openai_responses.usage import CARRIED, encode_usage
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
from proxy.core.messages import OpaquePart, RedactedThinkingPart
from proxy.core.response import Usage

KEEP_ALIVE = b": keep-alive\n\n"


class _Block:
    __slots__ = ("id", "item", "kind")

    def __init__(self, kind: str, item_id: str | None) -> None:
        self.kind = kind
        self.id = item_id
        """Of this dialect's own item, for text and thinking."""
        self.item: ItemOut | None = None
        """None until it shows something."""


class ResponsesStreamEncoder:
    """`asked`: fields of the client's request that the response object repeats."""

    def __init__(self, created: int, asked: dict[str, Any] | None) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        """Not of this dialect: the terminal event has the usage."""
        self._created = created
        self._asked = asked
        self._writer = Writer()
        self._start = StreamStart(id="", model="")
        self._shown = False
        self._over = False
        self._blocks: dict[int, _Block] = {}
        self._message: MessageOut | None = None
        self._speaker: _Block | None = None
        """Whose part of the message is open."""
        self._finish = Finish()
        self._refused = False
        self._usage: Usage | None = None
        self.final: dict[str, Any] | None = None
        """The response object of the terminal event."""

    def repeat(self, **fields: Any) -> None:
        """Let the response object say this too, like a field of the request."""
        self._asked = {**(self._asked or {}), **fields}

    def number_from(self, number: int) -> None:
        """Of the next event, at least: where another wrote the events before."""
        self._writer.number = max(self._writer.number, number)

    def encode(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        match event:
            case TextDelta():
                return self._text(event)
            case ArgumentsDelta():
                item = self._item_of(event.block)
                return item.arguments(event.json) if isinstance(item, CallOut) else b""
            case BlockStart():
                return self._start_block(event)
            case BlockStop():
                return self._stop_block(event)
            case CitationDelta():
                return self._citation(event)
            case SignatureDelta():
                return self._signature(event)
            case OpaqueDelta():
                return self._opaque(event)
            case LogprobsDelta():
                return self._logprobs(event)
            case StreamStart():
                if not self._shown:
                    self._start = event
            case Finish():
                if event.choice == 0:
                    self._finish = event
                else:
                    self._drop(f"choices[{event.choice}]")
            case UsageUpdate():
                self._usage = event.usage
            case StreamEnd():
                return self._end()
            case StreamFailed():
                return self.fail(event.error)
            case StreamPing():
                return b""
            case _:
                assert_never(event)
        return b""

    def fail(self, error: ErrorInfo) -> bytes:
        self._over = True
        return error_event(error, self._writer.number)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE

    def _open(self) -> bytes:
        """The response itself, before the first thing of it."""
        if self._shown:
            return b""
        self._shown = True
        for name in foreign_names(self._start.extra):
            self._drop(name)
        response = self._response()
        return self._writer.event("response.created", response=response) + self._writer.event("response.in_progress", response=response)

    def _response(self) -> dict[str, Any]:
        start = self._start
        created = self._created if start.created is None else start.created
        response_id = answer_id(start.id, start.model, created)
        return envelope(response_id, start.model, created, start.service_tier, start.extra, self._asked)

    def _id(self, prefix: str) -> str:
        return invented_id(prefix, self._start.id, self._start.model, len(self._writer.outputs))

    def _item_of(self, block: int) -> ItemOut | None:
        known = self._blocks.get(block)
        return None if known is None else known.item

    def _start_block(self, event: BlockStart) -> bytes:
        if event.choice != 0:
            self._drop(f"choices[{event.choice}]")
            return b""
        part = event.part
        custom = None if part is None else call_for_responses(part)
        if event.kind == "opaque" and custom is None and not (isinstance(part, OpaquePart) and part.dialect == DIALECT):
            self._drop("opaque")
            return b""
        block = self._blocks[event.block] = _Block(event.kind, event.id)
        if event.kind in ("text", "thinking", "refusal"):
            return b""
        out = self._open() + self._close_message()
        if event.kind == "tool_use":
            block.item = CallOut(self._writer, self._id("fc_"), event.id or "", event.name or "")
        elif custom is not None:
            block.item = CustomOut(self._writer, self._id("ctc_"), custom)
        elif isinstance(part, OpaquePart):
            block.item = OpaqueOut(self._writer, part.value)
        elif isinstance(part, RedactedThinkingPart):
            return out + redacted(self._writer, part, self._start.id, event.block)
        return out + (b"" if block.item is None else block.item.opening)

    def _text(self, event: TextDelta) -> bytes:
        block = self._blocks.get(event.block)
        if block is None or not event.text:
            return b""
        if block is self._speaker and self._message is not None:
            return self._message.text(event.text)
        if block.kind == "thinking":
            out = self._open_thinking(block)
            return out + block.item.text(event.text) if isinstance(block.item, ThinkingOut) else out
        if block.kind not in ("text", "refusal"):
            return b""
        opening, message = self._open_part(block)
        return opening + message.text(event.text)

    def _open_part(self, block: _Block) -> tuple[bytes, MessageOut]:
        """The block's part of the message, begun where it is not open; a part that another block took over goes on in a new one."""
        out = self._open()
        if self._message is not None and block.id is not None and block.id != self._message.id:
            out += self._close_message()
        message = self._message
        if message is None:
            message = self._message = MessageOut(self._writer, block.id or self._id("msg_"))
            out += message.opening
        if block is not self._speaker:
            out += message.stop_part() + message.start(block.kind)
            self._speaker = block
            self._refused = self._refused or block.kind == "refusal"
        block.item = message
        return out, message

    def _open_thinking(self, block: _Block) -> bytes:
        if block.item is not None:
            return b""
        out = self._open() + self._close_message()
        item = block.item = ThinkingOut(self._writer, block.id or self._id(EDGE_ID))
        return out + item.opening

    def _close_message(self, status: str = "completed") -> bytes:
        message, self._message, self._speaker = self._message, None, None
        return b"" if message is None else message.finish(status)

    def _stop_block(self, event: BlockStop) -> bytes:
        block = self._blocks.pop(event.block, None)
        if block is None:
            return b""
        if block is self._speaker and self._message is not None:
            self._speaker = None
            return self._message.stop_part()
        item = block.item
        return b"" if item is None or isinstance(item, MessageOut) else item.finish("completed")

    def _citation(self, event: CitationDelta) -> bytes:
        block = self._blocks.get(event.block)
        if block is None or block.kind != "text":
            return b""
        annotation = annotation_of(event.citation, event.dialect)
        if annotation is None:
            self._drop("citations")
            return b""
        opening, message = self._open_part(block)
        return opening + message.annotation(annotation)

    def _signature(self, event: SignatureDelta) -> bytes:
        block = self._blocks.get(event.block)
        if block is None or block.kind != "thinking":
            return b""
        out = self._open_thinking(block)
        if isinstance(block.item, ThinkingOut):
            block.item.signature += event.signature
        return out

    def _opaque(self, event: OpaqueDelta) -> bytes:
        item = self._item_of(event.block)
        if isinstance(item, CustomOut):
            return item.input(event.value["custom"]["input"])
        return item.event(event.value) if isinstance(item, OpaqueOut) and event.dialect == DIALECT else b""

    def _logprobs(self, event: LogprobsDelta) -> bytes:
        """Of the text that is open; without one they have no place."""
        tokens = tokens_of(event.logprobs)
        if event.choice == 0 and tokens and self._message is not None and self._speaker is not None and self._speaker.kind == "text":
            return self._message.logprobs(tokens)
        if event.logprobs.get("content"):
            self._drop("logprobs")
        return b""

    def _end(self) -> bytes:
        self._over = True
        out = self._open()
        status, details = encode_finish(self._finish.reason, refused=self._refused)
        if self._finish.stop_sequence is not None:
            self._drop("stop_sequence")
        if is_near(self._finish.reason, refused=self._refused):
            self._drop("finish_reason")
        for name in lost_usage(self._usage, CARRIED):
            self._drop(name)
        out += self._close_message(status)
        for block in self._blocks.values():
            if block.item is not None and not isinstance(block.item, MessageOut):
                out += block.item.finish(status)
        output = [item for item in self._writer.outputs if item is not None]
        response = {**self._response(), "status": status, "incomplete_details": details, "output": output}
        if self._usage is not None:
            response["usage"] = encode_usage(self._usage)
        self.final = response
        return out + self._writer.event(f"response.{status}", response=response)

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)


_: type[StreamEncoder] = ResponsesStreamEncoder
