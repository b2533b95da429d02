"""Canonical events → chunks for the client.

Source: OpenAI API reference, "The chat completion chunk object"; openai-python 2 types, read 2026-11-22. `id`, `created` and `model` are
those of the first StreamStart and stand in every chunk. A choice's role chunk goes out with the first thing that it shows: so an attempt
that dies before its first content leaves no trace, and the next target's StreamStart still counts.

The usage chunk and `[DONE]` are not part of the events' bytes: the first is kept in `usage_chunk`, and `finish_stream` writes both, for
each reader as it asked.
"""

from typing import Any, assert_never

import orjson

from proxy.codecs.answer_loss import lost_fields, lost_usage
from proxy.codecs.base import StreamEncoder
from proxy.codecs.jsonbody import dump_json
from proxy.codecs.openai_chat.content import annotation_of
from proxy.codecs.openai_chat.errors import error_event
from proxy.codecs.openai_chat.fields import DIALECT
from proxy.codecs.openai_chat.finish import encode_finish, is_near
from proxy.codecs.openai_chat.messages import is_tool_call
from proxy.codecs.openai_chat.response import RESPONSE_EXTRA, TIERS, answer_id, signed_call
from proxy.codecs.openai_chat.usage import CARRIED, encode_usage
from proxy.codecs.openai_chat.watch import KEEP_ALIVE
from proxy.codecs.openai_custom import call_for_chat, input_of, input_piece
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
from proxy.core.messages import OpaquePart, Part

_TEXT_FIELDS = {"text": b"content", "thinking": b"reasoning_content", "refusal": b"refusal"}
_TAIL = b',"logprobs":null,"finish_reason":null}]}\n\n'
_dumps = orjson.dumps


class _Block:
    __slots__ = ("call", "choice", "custom", "empty", "head", "kind")

    def __init__(self, start: BlockStart) -> None:
        self.kind = start.kind
        self.choice = start.choice
        self.head: bytes | None = None
        """Of a text-like block, once its first delta went out: everything before the text of a chunk."""
        self.call: int | None = None
        """Index in `tool_calls`."""
        self.custom = False
        self.empty = True
        """No argument text went out yet."""


class _Choice:
    __slots__ = ("calls", "refused", "shown", "signature")

    def __init__(self) -> None:
        self.calls = 0
        self.refused = False
        self.signature = ""
        """Of a thought without text: that of the call after it."""
        self.shown = False
        """The role chunk is out."""


class OpenAIChatStreamEncoder:
    """`legacy`: the client asked with `functions`, so a call goes into `function_call`."""

    def __init__(self, created: int, *, legacy: bool) -> None:
        self.dropped: list[str] = []
        self.usage_chunk = b""
        """The latest usage as the event that a client with `include_usage` gets before `[DONE]`; b"" while there is none."""
        self._created = created
        self._legacy = legacy
        self._base = b""
        self._shown = False
        self._blocks: dict[int, _Block] = {}
        self._choices: dict[int, _Choice] = {}

    def encode(self, event: StreamEvent) -> bytes:
        match event:
            case TextDelta():
                return self._text(event)
            case ArgumentsDelta():
                return self._arguments(self._blocks[event.block], event.json)
            case BlockStart():
                return self._start_block(event)
            case BlockStop():
                return self._stop_block(event)
            case Finish():
                return self._finish(event)
            case LogprobsDelta():
                return self._role(event.choice) + self._chunk(event.choice, {}, logprobs=event.logprobs)
            case CitationDelta():
                return self._citation(event)
            case OpaqueDelta():
                return self._opaque(event)
            case StreamStart():
                return self._start(event)
            case UsageUpdate():
                for name in lost_usage(event.usage, CARRIED):
                    self._drop(name)
                self.usage_chunk = self._base_event(b'[],"usage":' + dump_json(encode_usage(event.usage)))
                return b""
            case SignatureDelta():
                return self._sign(event)
            case StreamFailed():
                return self.fail(event.error)
            case StreamPing() | StreamEnd():
                return b""
            case _:
                assert_never(event)

    def fail(self, error: ErrorInfo) -> bytes:
        return error_event(error)

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE

    def _start(self, event: StreamStart) -> bytes:
        if self._shown:
            return b""
        created = self._created if event.created is None else event.created
        base: dict[str, Any] = {
            "id": answer_id(event.id, event.model, created),
            "object": "chat.completion.chunk",
            "created": created,
            "model": event.model,
        }
        if (tier := TIERS.get(event.service_tier or "")) is not None:
            base["service_tier"] = tier
        base.update((key, value) for key, value in event.extra.items() if key in RESPONSE_EXTRA)
        for name in lost_fields(event.extra, RESPONSE_EXTRA):
            self._drop(name)
        self._base = b"data: " + dump_json(base)[:-1] + b',"choices":'
        return b""

    def _base_event(self, rest: bytes) -> bytes:
        return self._base + rest + b"}\n\n"

    def _text(self, event: TextDelta) -> bytes:
        block = self._blocks[event.block]
        if block.head is not None:
            return block.head + _dumps(event.text) + b"}" + _TAIL
        field = _TEXT_FIELDS.get(block.kind)
        if field is None:
            return self._drop(f"text of {block.kind}")
        if block.kind == "refusal":
            self._choice(block.choice).refused = True
        self._unsign(block.choice, carried=False)
        first = self._role(block.choice, content="" if block.kind == "text" else None)
        block.head = self._base + b'[{"index":%d,"delta":{"%s":' % (block.choice, field)
        return first + block.head + _dumps(event.text) + b"}" + _TAIL

    def _start_block(self, event: BlockStart) -> bytes:
        block = self._blocks[event.block] = _Block(event)
        if event.kind == "tool_use":
            function = {"name": event.name or "", "arguments": ""}
            signed = signed_call(self._choice(event.choice).signature)
            return self._start_call(block, {"id": event.id or "", "type": "function", "function": function, **signed})
        if event.kind == "redacted_thinking":
            return self._drop("redacted_thinking")
        if event.kind == "opaque":
            return self._start_opaque(block, event.part)
        return b""

    def _sign(self, event: SignatureDelta) -> bytes:
        """Only that of a call of Gemini's has a place, which follows."""
        block = self._blocks[event.block]
        if block.head is not None or not signed_call(event.signature):
            return self._drop("signature") if event.signature else b""
        self._choice(block.choice).signature = event.signature
        return b""

    def _unsign(self, index: int, *, carried: bool) -> None:
        """The part that a signature belongs to is there."""
        choice = self._choice(index)
        if choice.signature:
            choice.signature = ""
            if not carried:
                self._drop("signature")

    def _start_opaque(self, block: _Block, part: Part | None) -> bytes:
        if not isinstance(part, OpaquePart):
            return self._drop("opaque")
        if (call := call_for_chat(part)) is not None:
            block.custom = True
            block.empty = not call["custom"]["input"]
            return self._start_call(block, call)
        if part.dialect != DIALECT:
            return self._drop("opaque")
        if is_tool_call(part):
            block.custom = True
            block.empty = False
            return self._start_call(block, part.value)
        if part.value.get("type") != "audio":
            return self._drop("opaque")
        audio = part.value.get("audio")
        return self._role(block.choice) + self._chunk(block.choice, {"audio": audio}) if audio else b""

    def _start_call(self, block: _Block, call: dict[str, Any]) -> bytes:
        choice = self._choice(block.choice)
        self._unsign(block.choice, carried="extra_content" in call)
        block.call = choice.calls
        choice.calls += 1
        first = self._role(block.choice)
        if self._legacy and not block.custom:
            return first + self._chunk(block.choice, {"function_call": call["function"]}) if block.call == 0 else self._drop("tool_calls")
        return first + self._chunk(block.choice, {"tool_calls": [{"index": block.call, **call}]})

    def _arguments(self, block: _Block, text: str) -> bytes:
        if not text or block.call is None:
            return b""
        block.empty = False
        if block.head is None:
            if self._legacy:
                if block.call > 0:
                    return b""
                block.head = self._base + b'[{"index":%d,"delta":{"function_call":{"arguments":' % block.choice
            else:
                block.head = self._base + b'[{"index":%d,"delta":{"tool_calls":[{"index":%d,"function":{"arguments":' % (
                    block.choice,
                    block.call,
                )
        return block.head + _dumps(text) + (b"}}" if self._legacy else b"}}]}") + _TAIL

    def _stop_block(self, event: BlockStop) -> bytes:
        """A call without arguments gets an empty object, so that they parse."""
        block = self._blocks.pop(event.block)
        return self._arguments(block, "{}") if block.call is not None and block.empty and not block.custom else b""

    def _citation(self, event: CitationDelta) -> bytes:
        block = self._blocks[event.block]
        annotation = annotation_of(event.citation, event.dialect)
        if annotation is None:
            return self._drop("citations")
        return self._role(block.choice) + self._chunk(block.choice, {"annotations": [annotation]})

    def _opaque(self, event: OpaqueDelta) -> bytes:
        block = self._blocks[event.block]
        if event.dialect != DIALECT:
            return self._custom(block, event.value) if block.custom else self._drop("opaque")
        if block.custom:
            return self._chunk(block.choice, {"tool_calls": [{"index": block.call, **event.value}]})
        return self._role(block.choice) + self._chunk(block.choice, event.value)

    def _custom(self, block: _Block, value: dict[str, Any]) -> bytes:
        """Of a custom call of OpenAI's Responses: pieces of its input, or all of it at its end."""
        piece = input_piece(value)
        if piece is None and block.empty:
            piece = input_of(value)
        if not piece:
            return b""
        block.empty = False
        return self._chunk(block.choice, {"tool_calls": [{"index": block.call, "custom": {"input": piece}}]})

    def _finish(self, event: Finish) -> bytes:
        choice = self._choice(event.choice)
        if event.stop_sequence is not None:
            self._drop("stop_sequence")
        self._unsign(event.choice, carried=False)
        reason = encode_finish(event.reason, calls=choice.calls > 0, refused=choice.refused)
        if is_near(event.reason, refused=choice.refused):
            self._drop("finish_reason")
        if self._legacy and reason == "tool_calls":
            reason = "function_call"
        return self._role(event.choice) + self._chunk(event.choice, {}, finish=reason)

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _role(self, index: int, content: str | None = None) -> bytes:
        """The role chunk of a choice that has not shown anything yet; `content` is "" where text follows."""
        choice = self._choice(index)
        if choice.shown:
            return b""
        choice.shown = self._shown = True
        return self._chunk(index, {"role": "assistant", "content": content, "refusal": None})

    def _chunk(self, index: int, delta: dict[str, Any], *, finish: str | None = None, logprobs: dict[str, Any] | None = None) -> bytes:
        return self._base_event(dump_json([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]))

    def _drop(self, name: str) -> bytes:
        if name not in self.dropped:
            self.dropped.append(name)
        return b""


_: type[StreamEncoder] = OpenAIChatStreamEncoder
